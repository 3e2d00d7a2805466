"""What the chat front end itself says; the page hands it over in the rider's language."""

from __future__ import annotations

from typing import Final

from bot.gateways.translate import say
from bot.replies import Say

# Keys are the front end's (static/chat/*.js). Placeholders without values are filled there.
CHAT: Final = {
    "messages": Say("Messages"),
    "you": Say("You"),
    "empty": Say("Say hello, send a photo of a pile's sticker, or share your location."),
    "today": Say("Today"),
    "yesterday": Say("Yesterday"),
    "write": Say("Message"),
    "send": Say("Send"),
    "attach": Say("Attach"),
    "photo": Say("Photo"),
    "camera": Say("Camera"),
    "location": Say("Location"),
    "remove": Say("Remove the photo"),
    "caption": Say("Add a caption"),
    "close": Say("Close"),
    "choose": Say("Choose"),
    "zoom": Say("Enlarge picture"),
    "route": Say("Open route"),
    "my_location": Say("My location"),
    "document": Say("Document"),
    "picture": Say("Picture"),
    "picture_gone": Say("This picture is no longer kept."),
    "opens": Say("Opens {host}"),
    "typing": Say("{name} is typing"),
    "queued": Say("Waiting to be sent"),
    "sent": Say("Sent"),
    "delivered": Say("Delivered"),
    "read": Say("Read"),
    "failed": Say("Not sent"),
    "undelivered": Say("Not delivered"),
    "retry": Say("Try again"),
    "discard": Say("Delete"),
    "new_messages": Say("New messages: {count}"),
    "to_newest": Say("Go to the newest message"),
    "earlier": Say("Show earlier messages"),
    "connecting": Say("Connecting…"),
    "offline": Say("No connection. What you send is kept here and goes out by itself."),
    "logged_out": Say("You are logged out. What you typed is kept here."),
    "login": Say("Log in again"),
    "finding": Say("Finding your location…"),
    "no_location": Say(
        "Your location could not be read. Allow it in the browser, or type a street or place."
    ),
    "not_a_photo": Say("That is not a photo. Please choose a JPEG, PNG or WebP picture."),
    "too_big": Say("That photo is too large. Please send one below {limit} MB."),
}


def chat_texts(lang: str | None) -> dict[str, str]:
    """The chat's texts in one language."""
    return {key: say(lang, text) for key, text in CHAT.items()}
