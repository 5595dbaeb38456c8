import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { stateRootOf } from './state-root.ts'

const URI = 'file:///var/checkpoints'
const explicit = [{ origin: 'command line', values: { 'checkpoint.storage.uri': URI } }]

test.for([
  { what: 'nothing is given', stateDir: undefined, layers: [], storageUri: '', root: resolve('.sluice/orders') },
  { what: 'a state directory is given', stateDir: 'state', layers: [], storageUri: '', root: resolve('state') },
  {
    what: 'the job sets an address',
    stateDir: undefined,
    layers: [],
    storageUri: URI,
    root: '/var/checkpoints/orders',
  },
  {
    what: 'the job sets an address and a state directory is given',
    stateDir: 'state',
    layers: [],
    storageUri: URI,
    root: resolve('state'),
  },
  {
    what: 'the command line sets an address',
    stateDir: 'state',
    layers: explicit,
    storageUri: URI,
    root: '/var/checkpoints/orders',
  },
])('state is in the right place when $what', ({ stateDir, layers, storageUri, root }) => {
  expect(stateRootOf({ jobName: 'orders', stateDir, layers, storageUri })).toBe(root)
})

test.for(['..', '.', 'a/b', 'a b'])('a job named %s gets one folder of its own', (jobName) => {
  const root = stateRootOf({ jobName, stateDir: undefined, layers: [], storageUri: URI })
  expect(resolve(root, '..')).toBe('/var/checkpoints')
})

test.for(['s3://bucket/x', 'checkpoints', 'file://host/x'])(
  'an address that is no folder of this machine, %s, is refused',
  (storageUri) => {
    expect(() => stateRootOf({ jobName: 'orders', stateDir: undefined, layers: [], storageUri })).toThrow(
      expect.objectContaining({ code: 'CFG1002' }),
    )
  },
)
