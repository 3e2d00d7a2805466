// Live updates, keys, palette and sounds of the console.
