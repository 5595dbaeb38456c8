#!/usr/bin/env node
// Plain JavaScript for any Node: says so when it is too old, else hands over to the command line's own code.
import module from 'node:module'

const NODE_MIN = [22, 18]
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
  process.stderr.write(
    `[CLI1001] Sluice needs Node ${NODE_MIN.join('.')} or newer, this is ${process.version}. Nothing was started. Install a newer Node.\n`,
  )
  process.exit(2)
}

module.enableCompileCache()
const { main } = await import('../src/cli/main.ts')
const { exitProcess } = await import('../src/cluster/process-end.ts')
exitProcess(await main(process.argv.slice(2)))
