from lamps.cli import main

main()
