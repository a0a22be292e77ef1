"""The commands, one module each; `keepset.cli.app` puts them together."""
