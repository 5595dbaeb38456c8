import { describe } from 'vitest'
import { channelConformance } from '../../test/channel-conformance.ts'
import { LocalChannel } from './local-channel.ts'

describe('local channel', () => {
  channelConformance((credits, pressure) => {
    const channel = new LocalChannel(credits, pressure)
    return { output: channel, input: channel, settle: async () => {} }
  })
})
