import { expect, test } from 'vitest'
import { defineJob } from '../api/define-job.ts'
import { attemptNumber, leaderEpoch, slotIndex } from '../base/ids.ts'
import { resolveOptions } from '../config/resolve-options.ts'
import type { SlotDeployment, SlotEvents, SlotGateway } from '../control/messages.ts'
import { planJob } from '../graph/planner.ts'
import { createManualEnv } from '../testing/manual-env.ts'
import { createInlineSlots } from './inline-slots.ts'

const job = defineJob('numbers', (env) => {
  env.setParallelism(2).fromElements([1, 2, 3]).uid('source').rebalance().print().uid('sink')
})
const { graph } = planJob(job.build({}), resolveOptions([{ origin: 'test', values: { parallelism: '2' } }]))
const settings = {
  bufferTimeoutMs: 100,
  watermarkIntervalMs: 200,
  delivery: 'none',
  reportIntervalMs: 500,
  channelCredits: 8,
  batchRecordsMax: 512,
} as const

function pool() {
  const env = createManualEnv()
  const told: string[] = []
  const events: SlotEvents = {
    onMessage: (slot, { kind }) => void told.push(`${slot} ${kind}`),
    onSlotLost: (slot, { code }) => void told.push(`${slot} lost ${code}`),
  }
  const slots = createInlineSlots({ env, graph, settings, slotCount: 2, storage: () => undefined })
  return { env, told, events, slots }
}

function deployment(slot: number): SlotDeployment {
  const placement = Object.fromEntries(graph.vertices.map(({ id }) => [id, [slotIndex(0), slotIndex(1)]]))
  return {
    epoch: leaderEpoch(1),
    attempt: attemptNumber(0),
    slot: slotIndex(slot),
    slotCount: 2,
    layoutHash: graph.layoutHash,
    tasks: [],
    placement,
  }
}

function deployAll(gateways: readonly SlotGateway[]): void {
  for (const gateway of gateways) gateway.send({ kind: 'deploy', deployment: deployment(gateway.slot) })
}

test('acquired slots take a deployment and answer, never inside the call', async () => {
  const { env, told, events, slots } = pool()
  const gateways = await slots.acquire(events)
  await env.settle()
  told.length = 0
  deployAll(gateways)
  expect(told).toEqual([])
  await env.settle()
  expect(told).toEqual(['0 deployed', '1 deployed'])
})

test('the loss of a killed slot is told once, behind what the slot said before', async () => {
  const { env, told, events, slots } = pool()
  const gateways = await slots.acquire(events)
  deployAll(gateways)
  await env.settle()
  told.length = 0
  gateways[1]?.send({ kind: 'cancel', attempt: attemptNumber(0) })
  gateways[1]?.kill()
  slots.lose(slotIndex(1))
  await env.settle()
  expect(told).toEqual(['1 lost TSK1002'])
  expect(slots.alive()).toEqual([0])
})

test('the next acquisition replaces lost slots and keeps the others', async () => {
  const { env, told, events, slots } = pool()
  await slots.acquire(events)
  slots.lose(slotIndex(0))
  await env.settle()
  told.length = 0
  const again = await slots.acquire(events)
  await env.settle()
  expect(told).toEqual(['0 ready'])
  expect(again.map(({ slot }) => slot)).toEqual([0, 1])
})

test('the loss of a slot that was replaced before it was told is not taken for the loss of the new one', async () => {
  const { env, told, events, slots } = pool()
  await slots.acquire(events)
  await env.settle()
  told.length = 0
  slots.lose(slotIndex(0))
  await slots.acquire(events)
  await env.settle()
  expect(told).toEqual(['0 ready'])
  expect(slots.alive()).toEqual([0, 1])
})

test('after release nothing is told and no timer is left', async () => {
  const { env, told, events, slots } = pool()
  const gateways = await slots.acquire(events)
  deployAll(gateways)
  told.length = 0
  await slots.release()
  await slots.release()
  await env.settle()
  expect(told).toEqual([])
  expect(env.timerCount()).toBe(0)
})
