"""A stand-in for Twilio: the parts of its API we use, over real HTTP, with phones to play with.

Twilio's side, under HTTP Basic auth as Twilio's own: Messages (create, list, fetch, media),
Content and its approval, Verify, the typing indicator; signed webhooks and status callbacks.
Messages carry one field Twilio does not have: "demo", the chat message as a phone shows it
(docs/chat-message.md).

The phones' side, without auth, under /demo:
  GET  /demo/phones
  POST /demo/phones/<number>             {"name"?, "window"?: "open" | "closed"}
  GET  /demo/phones/<number>/messages    ?after=<cursor>&wait=<seconds, at most 25>
  POST /demo/phones/<number>/messages    {"text"} | {"payload"} | {"lat", "lng", "label"?} |
                                         multipart: photo files and "text"
  GET  /demo/media/<sid>
  GET, POST, DELETE /demo/faults         {"status": 503} | {"code": 63018} | {"hang_s": 3}
"""
