"""Pages for people: the officers' console and the privacy centre, rendered on the server.

What this room promises: no page needs a script or a mouse; nothing is fetched from anywhere else; no
URL holds a personal value (people are named in the body of a POST, then by opaque ids); every form
that changes something carries its session's token; every page is closed until its caller is known
and the access policy allows the action. Like `api`, it parses, asks one flow, and renders.
"""
