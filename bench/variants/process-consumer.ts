/** Takes everything out of one channel, in a process of its own. Says its port, then, at the end, what it used. */
import { LinkRouter } from '../../packages/sluice/src/exchange/link-router.ts'
import { RemoteInputChannel } from '../../packages/sluice/src/exchange/remote-channel.ts'
import { benchEnv, openLink } from './process-link.ts'

/** The default of exchange.channel.batchesMax. */
const CHANNEL_CREDITS = 8

const env = benchEnv()
const listener = await env.network.listen({ host: '127.0.0.1', port: 0 }, (connection) => {
  const before = process.cpuUsage()
  const link = openLink(env, connection)
  const input = new RemoteInputChannel(0, link, CHANNEL_CREDITS)
  const router = new LinkRouter(link)
  router.addInput(0, input)
  input.onAvailable(() => {
    for (let element = input.poll(); element !== undefined; element = input.poll()) {
      if (element.kind !== 'end') continue
      const { user, system } = process.cpuUsage(before)
      process.stdout.write(JSON.stringify({ consumerCpuMs: (user + system) / 1000 }), () => {
        link.close()
        void listener.close()
      })
    }
  })
  router.start()
})
process.stdout.write(String(listener.address.port))
