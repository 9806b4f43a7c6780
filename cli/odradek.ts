#!/usr/bin/env node
/**
 * The `odradek` command.
 */
process.stderr.write("odradek: not connected\n");
