"""Started by Pulumi's engine for a program that uses the plugin; it serves until the engine is done."""

from ferryline.deploy import hosting

if __name__ == "__main__":
    hosting.host()
