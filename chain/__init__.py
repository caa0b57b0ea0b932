"""What the faucet knows of Graphene: keys, transactions, and the connection to a node."""
