"""The sections of config, one module each; `config` holds them all."""
