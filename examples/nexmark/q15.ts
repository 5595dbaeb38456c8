/** Q15, bidding statistics: a report for each day, sent on with every bid that changes it. */
import { recordType, type DataStream } from 'sluice'
import { REPORT_STATE, reported, type BidFacts, type BidReport } from './bid-report.ts'
import { dayName, dayNumberOf } from './calendar.ts'
import { nexmarkJob } from './job.ts'
import { isBid, type NexmarkEvent } from './model.ts'

export interface DayReport extends BidReport {
  readonly day: string
}

export function dayReports(events: DataStream<NexmarkEvent>): DataStream<DayReport> {
  return events
    .filter(isBid)
    .map(({ auction, bidder, price, dateTime }): BidFacts => ({ auction, bidder, price, dateTime }))
    .keyBy((bid) => dayNumberOf(bid.dateTime))
    .process({
      emits: recordType<DayReport>(),
      state: REPORT_STATE,
      onRecord: (bid, ctx) => ctx.emit({ day: dayName(ctx.key), ...reported(bid, ctx.state) }),
    })
    .uid('day-reports')
}

export default nexmarkJob('q15', dayReports)
