"""One module a page or group of pages; each has `add_routes(routes, console)`."""
