/** From what the command line and the environment say to a JobManager that answers. */
import { readFileSync } from 'node:fs'
import { EngineError, messageOf } from '../base/errors.ts'
import type { RemotePlace } from './remote-arguments.ts'
import { RemoteClient } from './remote-client.ts'

const URL_BY_DEFAULT = 'http://127.0.0.1:8081'

type Variables = Readonly<Record<string, string | undefined>>

/** The first of the addresses that answers; a standby there points to the leader. @throws NET1006, SEC1005 */
export function connect(place: RemotePlace, variables: Variables): Promise<RemoteClient> {
  return firstThatAnswers(remoteClients(place, variables))
}

/** A standby redirects by itself; one that is gone does not. @throws NET1006 */
export async function firstThatAnswers(clients: readonly RemoteClient[]): Promise<RemoteClient> {
  let failure: unknown
  for (const client of clients) {
    try {
      await client.health()
      return client
    } catch (thrown) {
      failure ??= thrown
    }
  }
  throw failure
}

/** One for each address, in their order. @throws SEC1005 */
export function remoteClients({ jobManager, tokenFile }: RemotePlace, variables: Variables): readonly RemoteClient[] {
  const token = tokenFile === undefined ? variables['SLUICE_TOKEN'] : readToken(tokenFile)
  const urls = jobManager ?? variables['SLUICE_JOBMANAGER'] ?? URL_BY_DEFAULT
  return urls.split(',').map((url) => new RemoteClient({ url: url.trim(), token: token?.trim() }))
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new EngineError(
      'SEC1005',
      `the token file ${path} cannot be read: ${messageOf(thrown)}. Nothing was asked of the cluster. Give --token-file the path of a file that this user may read.`,
      { context: { path }, cause: thrown },
    )
  }
}
