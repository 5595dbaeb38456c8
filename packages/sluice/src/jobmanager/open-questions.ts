/**
 * Questions to TaskManagers that were not answered yet.
 *
 * O1 Every question is answered once: by the TaskManager that was asked, by its going away, or by the limit. What comes later is dropped.
 * O2 At most `QUESTIONS_MAX` are open.
 */
import { type Deferred, deferred } from '../base/deferred.ts'
import type { Env, Timer } from '../base/env.ts'
import { errorFromData } from '../base/errors.ts'
import type { TaskManagerId } from '../base/ids.ts'
import type { FromTaskManager, TaskManagerFacts } from '../control/cluster-messages.ts'
import { doesNotAnswer, noTaskManager } from './control-words.ts'

interface Question {
  readonly taskManager: TaskManagerId
  readonly answer: Deferred<string>
  readonly limit: Timer
}

const QUESTIONS_MAX = 100
const ASK_TIMEOUT_MS = 5000

export class OpenQuestions {
  readonly #env: Env
  readonly #timeoutMs: number
  readonly #open = new Map<number, Question>()
  #count = 0

  constructor(env: Env, timeoutMs = ASK_TIMEOUT_MS) {
    this.#env = env
    this.#timeoutMs = timeoutMs
  }

  /** `request` is undefined when nothing is to be asked: the answer is a refusal already. */
  open(facts: TaskManagerFacts): { readonly request: number | undefined; readonly answer: Promise<string> } {
    if (this.#open.size >= QUESTIONS_MAX) return { request: undefined, answer: Promise.reject(noTaskManager(facts.id)) } // O2
    const request = ++this.#count
    const timeoutMs = this.#timeoutMs
    const limit = this.#env.timers.after(timeoutMs, () =>
      this.#take(request)?.answer.reject(doesNotAnswer(facts, timeoutMs)),
    )
    const answer = deferred<string>()
    this.#open.set(request, { taskManager: facts.id, answer, limit })
    return { request, answer: answer.promise }
  }

  // O1
  answer(from: TaskManagerId, { request, result }: Extract<FromTaskManager, { kind: 'answer' }>): void {
    if (this.#open.get(request)?.taskManager !== from) return
    const answer = this.#take(request)?.answer
    if (result.kind === 'text') answer?.resolve(result.text)
    else answer?.reject(errorFromData(result.error))
  }

  /** The TaskManager is gone. */
  giveUp(taskManager: TaskManagerId): void {
    const own = [...this.#open].filter(([, question]) => question.taskManager === taskManager)
    for (const [request] of own) this.#take(request)?.answer.reject(noTaskManager(taskManager))
  }

  #take(request: number): Question | undefined {
    const question = this.#open.get(request)
    this.#open.delete(request)
    question?.limit.cancel()
    return question
  }
}
