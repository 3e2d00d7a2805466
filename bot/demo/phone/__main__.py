"""`python -m bot.demo.phone --config FILE --port N`."""

import sys

from bot.demo.phone.app import main

sys.exit(main(sys.argv[1:]))
