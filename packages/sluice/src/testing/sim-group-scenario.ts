/** A simulated job of two slot-sharing groups, with edges of every kind between them. */
import { defineJob, type JobDefinition } from '../api/define-job.ts'
import { recordType } from '../api/record-type.ts'
import { below } from '../base/random.ts'
import { type RollOptions, jsonLinesSink } from '../connector/file-sink.ts'
import { valueState } from '../state/descriptors.ts'
import { type SimEvent, drawEvents, inFiles } from './sim-input.ts'
import { type SimOutput, differenceOf } from './sim-output.ts'
import {
  DISORDER_MS,
  EVENTS,
  IN_TIME,
  type SimScenario,
  checkpointed,
  drawRoll,
  lines,
  parsed,
  runningNumbers,
} from './sim-scenarios.ts'

/** Subtasks in each of its two groups, whatever the shape: a cluster that waits for all the slots of its jobs has so many. */
const GROUP_PARALLELISM = 2

export const slotGroups: SimScenario = {
  name: 'slot-groups',
  create(random) {
    const events = drawEvents(random, { count: 100 + below(random, 200), disorderMs: DISORDER_MS })
    const job = groupsJob(drawRoll(random), random.fraction() < 0.5 ? 'reading' : 'counting')
    const all = events.map(({ id }) => ({ id }))
    const expected = lines(
      ['/out/counts', runningNumbers(events)],
      ['/out/custom', all],
      ['/out/shuffle', all],
      ['/out/global', all],
    )
    return {
      job,
      files: inFiles('in', events, 4),
      recordCount: events.length,
      check: (output) => {
        const others = new Map([...output].filter(([directory]) => directory !== BROADCAST))
        return differenceOf(expected, others) ?? checkBroadcast(events, output)
      },
      isDeterministic: false,
    }
  },
}

const BROADCAST = '/out/broadcast'

/** Each record is there as often as there were subtasks when it came, which changes with the slots of a cluster. */
function checkBroadcast(events: readonly SimEvent[], output: SimOutput): string | undefined {
  const counts = new Map<number, number>()
  for (const { id } of parsed<{ readonly id: number }>(output.get(BROADCAST))) counts.set(id, (counts.get(id) ?? 0) + 1)
  const wrong = events.find(({ id }) => (counts.get(id) ?? 0) < 1 || (counts.get(id) ?? 0) > GROUP_PARALLELISM)
  return wrong === undefined ? undefined : `record ${wrong.id} was given to ${counts.get(wrong.id) ?? 0} subtasks`
}

function groupsJob(roll: RollOptions, sinkGroup: string): JobDefinition {
  return defineJob('slot-groups', (env) => {
    const parsed = checkpointed(env)
      .fromSource(EVENTS, IN_TIME, { uid: 'events' })
      .setParallelism(GROUP_PARALLELISM)
      .slotSharingGroup('reading')
      .rescale()
      .map((event) => event)
      .setParallelism(GROUP_PARALLELISM)
    parsed
      .keyBy((event) => event.key)
      .process({
        emits: recordType<unknown>(),
        state: { count: valueState<number>('count', 0) },
        onRecord(event, ctx) {
          ctx.state.count.update(ctx.state.count.value() + 1)
          ctx.emit({ key: event.key, n: ctx.state.count.value() })
        },
      })
      .uid('counting')
      .setParallelism(GROUP_PARALLELISM)
      .slotSharingGroup('counting')
      .sinkTo(jsonLinesSink('out/counts', { roll }))
      .uid('counts-out')
      .setParallelism(GROUP_PARALLELISM)
      .slotSharingGroup(sinkGroup)
    const ways = {
      custom: parsed.partitionCustom((event, count) => event.id % count),
      shuffle: parsed.shuffle(),
      global: parsed.global(),
      broadcast: parsed.broadcast(),
    }
    for (const [way, stream] of Object.entries(ways)) {
      stream
        .map(({ id }) => ({ id }))
        .setParallelism(GROUP_PARALLELISM)
        .slotSharingGroup('counting')
        .sinkTo(jsonLinesSink(`out/${way}`))
        .uid(`${way}-out`)
        .setParallelism(GROUP_PARALLELISM)
    }
  })
}
