import { EngineError } from '../base/errors.ts'

/** What the type of the definition does not allow, for those who write JavaScript. */
export function refuseKeyed(definition: object): void {
  const given = ['state', 'onTimer'].find((name) => Reflect.get(definition, name) !== undefined)
  if (given === undefined) return
  throw new EngineError(
    'STA1003',
    `a process function on a stream without keys has ${given}. The job was not built: ${given === 'state' ? 'such state' : 'a timer'} belongs to a key. ` +
      'Call keyBy before process, or declare operatorState.',
  )
}
