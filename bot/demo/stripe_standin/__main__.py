"""`python -m bot.demo.stripe_standin`."""

import sys

from bot.demo.stripe_standin.server import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
