"""What browsers, consent banners and consent strings say, read strictly and put into the catalogue's purposes.

Formats: `banners` (Segment, RudderStack), `tcf` (IAB TCF) and `gpp` (IAB GPP) over `bits`, `google` (Consent Mode).
`spoken` puts what was read into purposes; `context` does so for a message.
"""
