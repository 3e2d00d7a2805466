"""The outside world: Twilio, Stripe, photos, maps, PDF, and rendering replies for channels."""
