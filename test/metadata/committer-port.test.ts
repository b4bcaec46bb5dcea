// Questions and answers over ports that come and go: each question has one outcome, and an answer to another port's is none.

import { setImmediate as nextTurn } from 'node:timers/promises'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import test from 'ava'
import { R2dError } from '../../src/errors.ts'
import type { Committer } from '../../src/metadata/committer.ts'
import { PortCommitter, serveCommitter } from '../../src/metadata/committer-port.ts'
import { decodeMessage, encodeMessage } from '../../src/metadata/message-codec.ts'
import type { MutationParameters } from '../../src/metadata/mutations.ts'

const abort: MutationParameters<'abortUpload'> = {
  uploadRowKey: Buffer.from('u'),
  revision: 0,
  partRowKeys: [],
  now: 0
}

/** Posts an answer by itself to each question that comes, the questions of a message in one go. */
function answerOneByOne(port: MessagePort): Promise<void> {
  return new Promise(resolve => {
    port.on('message', (message: Uint8Array) => {
      for (const { id } of decodeMessage(message) as { id: number }[]) {
        port.postMessage(encodeMessage([{ id, kind: 'result', result: undefined }]))
      }
      resolve()
    })
  })
}

test('answers that wait on a port when it is left for another are of nobody', async t => {
  const [first, second] = [new MessageChannel(), new MessageChannel()]
  const committer = new PortCommitter()
  committer.connect(first.port1)
  const answered = answerOneByOne(first.port2)
  const asked = Array.from({ length: 50 }, () => committer.mutate('abortUpload', abort))
  // Within the handling of the first answer, with the others behind it.
  const left = asked[0]?.then(() => {
    committer.connect(second.port1)
  })
  const outcomes = Promise.allSettled(asked)
  await answered
  await left

  const [one, ...others] = await outcomes
  t.is(one?.status, 'fulfilled')
  const codes = others.map(each => each.status === 'rejected' && (each.reason as R2dError).code)
  t.deepEqual(new Set(codes), new Set(['R2D_UNAVAILABLE']))

  const served: Committer = {
    mutate: () => Promise.reject(new R2dError('R2D_NO_SUCH_UPLOAD', 'none')),
    mutateWithExtent: () => Promise.reject(new R2dError('R2D_NO_SUCH_UPLOAD', 'none'))
  }
  serveCommitter(second.port2, served)
  await nextTurn()
  await t.throwsAsync(committer.mutate('abortUpload', abort), { code: 'R2D_NO_SUCH_UPLOAD' })
  committer.disconnect()
  first.port2.close()
})
