"""The few pages of the control listener: plain HTML for sign-in, organisations and tokens. They ask the administration API, as any client."""
