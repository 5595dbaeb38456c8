/** Slots that do what the test says: for tests of the TaskManager. */
import { present } from '../src/base/assert.ts'
import { errorToData, type EngineError } from '../src/base/errors.ts'
import type { ToSlot } from '../src/control/messages.ts'
import type { LaunchedSlot, SlotEnd, SlotLaunch, SlotLauncher, SlotListener } from '../src/taskmanager/slot-launcher.ts'

export class ScriptedLauncher implements SlotLauncher {
  bundles: 'needed' | 'none' = 'none'
  readonly slots: ScriptedSlot[] = []
  lease: number | 'over' = 'over'
  /** What becomes of slots that are told to end. */
  end: Promise<SlotEnd> = Promise.resolve('ended')

  launch(launch: SlotLaunch, listener: SlotListener): LaunchedSlot {
    const slot = new ScriptedSlot(launch, listener, this)
    this.slots.push(slot)
    return slot
  }

  leaseUntil(untilMs: number | 'over'): void {
    this.lease = untilMs
  }

  slot(index: number): ScriptedSlot {
    return present(this.slots[index], `launched slot ${index}`)
  }

  living(): readonly number[] {
    return this.slots.filter(({ state }) => state === 'living').map(({ launch }) => launch.slot)
  }
}

export class ScriptedSlot implements LaunchedSlot {
  readonly launch: SlotLaunch
  readonly listener: SlotListener
  readonly received: ToSlot[] = []
  state: 'living' | 'killed' | 'ended' = 'living'
  readonly #launcher: ScriptedLauncher

  constructor(launch: SlotLaunch, listener: SlotListener, launcher: ScriptedLauncher) {
    this.launch = launch
    this.listener = listener
    this.#launcher = launcher
  }

  send(message: ToSlot): void {
    this.received.push(message)
  }

  kill(error: EngineError): void {
    this.state = 'killed'
    queueMicrotask(() => this.listener.onLost(errorToData(error)))
  }

  end(): Promise<SlotEnd> {
    this.state = 'ended'
    return this.#launcher.end
  }
}
