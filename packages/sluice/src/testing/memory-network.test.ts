import { describe, expect, test } from 'vitest'
import { networkConformance } from '../../test/network-conformance.ts'
import type { Connection } from '../base/env.ts'
import { NetworkError } from '../base/network-error.ts'
import { createManualEnv } from './manual-env.ts'
import { MemoryNetwork } from './memory-network.ts'

const ROUNDS_MAX = 10_000

function twoMachines() {
  const network = new MemoryNetwork()
  const server = createManualEnv({ network, machine: 'server' })
  const client = createManualEnv({ network, machine: 'client' })
  const settle = async (): Promise<void> => {
    await server.settle()
    await client.settle()
  }
  return { network, server, client, settle }
}

describe('the network in memory', () => {
  networkConformance(() => {
    const { server, client, settle } = twoMachines()
    const until = async (isTrue: () => boolean): Promise<void> => {
      for (let round = 0; !isTrue(); round++) {
        expect(round).toBeLessThan(ROUNDS_MAX)
        await settle()
      }
    }
    return {
      server: server.network,
      client: client.network,
      host: 'server',
      foreignHost: 'client',
      until,
      result: async (promise) => {
        let isOver = false
        const over = (): void => void (isOver = true)
        promise.then(over, over)
        await until(() => isOver)
        return promise
      },
    }
  })
})

async function connectedMachines() {
  const machines = twoMachines()
  const { server, client, settle } = machines
  let far: Connection | undefined
  const listening = server.network.listen({ host: '0.0.0.0', port: 7000 }, (connection) => void (far = connection))
  await settle()
  await listening
  const connecting = client.network.connect({ host: 'server', port: 7000 }, 1000)
  await settle()
  const near = await connecting
  await settle()
  if (far === undefined) expect.unreachable('a connection was accepted')
  const told: string[] = []
  const watch = (who: string, connection: Connection): void =>
    connection.receive({
      onFrame: (frame) => void told.push(`${who} got ${frame.length} bytes`),
      onClosed: (error) => void told.push(`${who} ended: ${error?.failure ?? 'in order'}`),
    })
  watch('near', near)
  watch('far', far)
  return { ...machines, near, far, told }
}

test('a silent machine is told nothing and tells nothing; what was sent into the silence breaks the connection afterwards', async () => {
  const { network, client, settle, near, told } = await connectedMachines()
  network.silence('server')
  near.send(new Uint8Array(1))
  await settle()
  expect(told).toEqual([])
  const again = client.network.connect({ host: 'server', port: 7000 }, 1000).catch((error: unknown) => error)
  await client.advanceAndSettle(1000)
  expect(await again).toMatchObject({ failure: 'timeout' })
  network.restore('server')
  await settle()
  expect(told.sort()).toEqual(['far ended: reset', 'near ended: reset'])
  expect(network.openEndCount).toBe(0)
})

test('a silence in which nobody spoke leaves the connection as it was', async () => {
  const { network, settle, near, told } = await connectedMachines()
  network.silence('client')
  await settle()
  network.restore('client')
  near.send(new Uint8Array(1))
  await settle()
  expect(told).toEqual(['far got 1 bytes'])
})

test('broken connections are told to both sides', async () => {
  const { network, settle, told } = await connectedMachines()
  network.breakConnections('server')
  await settle()
  expect(told.sort()).toEqual(['far ended: reset', 'near ended: reset'])
})

test('an env without a network reaches nobody', async () => {
  await expect(createManualEnv().network.connect({ host: 'server', port: 1 }, 10)).rejects.toThrow(NetworkError)
})
