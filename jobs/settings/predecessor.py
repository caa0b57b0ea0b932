"""The predecessor's configuration file, which loads unchanged, and what its clients expect."""

#: Its keys that are accepted and mean nothing any more, and why. No other program reads them.
NO_LONGER_NEEDED = {
    "redis_ip": "the ledger is a file, no Redis is used",
    "address_retention": "no client address is stored",
}

#: What to say of a file that has one of them and leaves `old_clients` open.
CLIENTS = (
    "old_clients is not set, and the file is the predecessor's: its clients read a refusal only in a reply with "
    "status 200, and their account from the chain right after the reply. Set it to true for them, to false if there "
    "are none"
)

REPLY_WAIT = 15.0  #: seconds that a reply to them is held by default: the predecessor answered after the block
