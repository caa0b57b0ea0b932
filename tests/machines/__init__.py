"""Three faucets, two databases under Patroni and a balancer on this computer, some of which die: `make machines`."""
