import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { tempFolder } from '../../test/temp-folder.ts'
import { ClusterFiles, writeJson, type ProcessRecord } from './cluster-files.ts'
import { systemProcesses, type ProcessTable } from './process-identity.ts'

function prepared(): ClusterFiles {
  const files = new ClusterFiles(join(tempFolder(), 'cluster'))
  files.prepare()
  return files
}

const record = (name: string, pid = 1): ProcessRecord => ({
  name,
  role: 'taskmanager',
  identity: { host: 'h', pid, start: '7' },
})

test('records are listed in the order of their numbers; what is none is left out', () => {
  const files = prepared()
  for (const name of ['taskmanager-10', 'taskmanager-2', 'jobmanager-1']) files.add(record(name))
  writeFileSync(join(files.root, 'processes', 'torn.json'), '{"name": "to')
  writeFileSync(join(files.root, 'processes', 'other.json'), '{"name": "x", "role": "king", "identity": {}}')
  expect(files.records().map(({ name }) => name)).toEqual(['jobmanager-1', 'taskmanager-2', 'taskmanager-10'])
})

test('what a process said when it was ready goes with its record', () => {
  const files = prepared()
  files.add(record('jobmanager-1'))
  writeJson(files.readyFile('jobmanager-1'), { name: 'jobmanager-1', restUrl: 'http://x:1', more: true })
  expect(files.ready('jobmanager-1')).toEqual({ name: 'jobmanager-1', restUrl: 'http://x:1' })
  expect(files.records()).toHaveLength(1)
  files.remove('jobmanager-1')
  expect([files.records(), files.ready('jobmanager-1')]).toEqual([[], undefined])
})

test('the secret is made once, and nobody else may read it', () => {
  const files = prepared()
  const secret = readFileSync(files.secret, 'utf8')
  files.prepare()
  expect(readFileSync(files.secret, 'utf8')).toBe(secret)
  expect(secret.trim()).toMatch(/^[0-9a-f]{64}$/)
  expect(statSync(files.secret).mode & 0o077).toBe(0)
})

test('one process at a time starts or stops; a claim of one that is gone does not count', () => {
  const files = prepared()
  const own = { host: 'h', pid: 1, start: '7' }
  const table = (state: 'alive' | 'gone'): ProcessTable => ({ own, stateOf: () => state })
  const claim = files.claim(table('alive'))
  expect(() => files.claim(table('alive'))).toThrow(expect.objectContaining({ code: 'CLU1010' }))
  files.claim(table('gone')).release()
  claim.release()
  files.claim(systemProcesses()).release()
})

test('a folder that cannot be made is named, with what to do', () => {
  const file = join(tempFolder(), 'file')
  writeFileSync(file, '')
  const files = new ClusterFiles(file)
  const refused = expect.objectContaining({
    code: 'CLU1010',
    message: expect.stringMatching(/file.*cannot be made.*--dir/),
  })
  expect(() => files.claim(systemProcesses())).toThrow(refused)
  expect(() => files.prepare()).toThrow(refused)
})
