/** Q0, pass through: every bid as it is. */
import { type DataStream } from 'sluice'
import { nexmarkJob } from './job.ts'
import { isBid, type Bid, type NexmarkEvent } from './model.ts'

export function passThrough(events: DataStream<NexmarkEvent>): DataStream<Bid> {
  return events.filter(isBid).map((bid) => bid)
}

export default nexmarkJob('q0', passThrough)
