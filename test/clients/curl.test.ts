// curl, which signs requests by itself (--aws-sigv4) and otherwise does just what it is told.

import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import test from 'ava'
import { clientOf, makeBucket } from '../conformance/s3.ts'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

async function curl(...args: readonly string[]): Promise<string> {
  return workplace().run('curl', ['--silent', '--show-error', ...args])
}

/** Signed with the store's key, which curl reads from a file: a process list shows arguments. */
async function signedCurl(...args: readonly string[]): Promise<string> {
  const { accessKeyId, secretAccessKey } = workplace().s3
  const config = `user = "${accessKeyId}:${secretAccessKey}"\n`
  const options = ['--silent', '--show-error', '--config', '-', '--aws-sigv4', 'aws:amz:auto:s3']
  return workplace().run('curl', [...options, ...args], { input: config })
}

test('URLs that are signed beforehand put and get with curl, in ranges and on conditions', async t => {
  const path = await workplace().directory('signed')
  const s3 = clientOf(workplace().s3)
  const input = { Bucket: await makeBucket(s3), Key: 'dir/ö +%' }
  const content = randomBytes(3_000_000)
  const etag = `"${createHash('md5').update(content).digest('hex')}"`
  await writeFile(join(path, 'up'), content)
  const putUrl = await getSignedUrl(s3, new PutObjectCommand(input))
  const url = await getSignedUrl(s3, new GetObjectCommand(input))
  const code = ['--output', '/dev/null', '--write-out', '%{http_code}']

  await curl('--fail', '--upload-file', join(path, 'up'), putUrl)
  await curl('--fail', '--output', join(path, 'down'), url)
  t.true(content.equals(await readFile(join(path, 'down'))))

  await curl('--fail', '--range', '1000-1999', '--output', join(path, 'part'), url)
  t.true(content.subarray(1000, 2000).equals(await readFile(join(path, 'part'))))
  await writeFile(join(path, 'part'), content.subarray(0, 1_234_567))
  await curl('--fail', '--continue-at', '-', '--output', join(path, 'part'), url)
  t.true(content.equals(await readFile(join(path, 'part'))))

  t.is(await curl(...code, '--header', `If-None-Match: ${etag}`, url), '304')
  t.is(await curl(...code, '--header', 'If-Match: "0"', url), '412')
  t.is(
    await curl(...code, '--header', 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT', url),
    '304'
  )
  t.is(await curl(...code, '--range', '3000000-', url), '416')
  t.is(
    await curl(...code, url.replace('expires', 'Expires').replace(/Signature=./, 'Signature=x')),
    '403'
  )
})

test('curl waits for 100 Continue before it sends a body, and a refused one is never sent', async t => {
  const path = await workplace().directory('continue')
  const s3 = clientOf(workplace().s3)
  const input = { Bucket: await makeBucket(s3), Key: 'k' }
  await writeFile(join(path, 'up'), randomBytes(2_000_000))
  const url = await getSignedUrl(s3, new PutObjectCommand(input))
  const put = async (target: string): Promise<string> => {
    // A wait that is longer than the test: the server has to answer, not curl to lose patience.
    const options = ['--expect100-timeout', '100', '--header', 'Expect: 100-continue']
    const report = ['--include', '--write-out', ' sent %{size_upload}']
    return curl(...options, ...report, '--upload-file', join(path, 'up'), target)
  }

  t.regex(await put(url), /^HTTP\/1\.1 100 Continue[\s\S]*HTTP\/1\.1 200 OK[\s\S]* sent 2000000$/)
  const refused = await put(url.replace('/k?', '/other?'))
  t.regex(refused, /^HTTP\/1\.1 403 Forbidden[\s\S]*SignatureDoesNotMatch[\s\S]* sent 0$/)
})

test('requests that curl signs itself make a bucket, put, list and delete', async t => {
  const path = await workplace().directory('sigv4')
  const bucket = `${workplace().s3.endpoint}/${workplace().bucketName()}`
  const unsigned = ['--header', 'x-amz-content-sha256: UNSIGNED-PAYLOAD']
  await writeFile(join(path, 'up'), 'by curl')

  await signedCurl('--fail', ...unsigned, '--request', 'PUT', bucket)
  await signedCurl('--fail', ...unsigned, '--upload-file', join(path, 'up'), `${bucket}/k`)
  t.is(await signedCurl('--fail', ...unsigned, `${bucket}/k`), 'by curl')
  t.regex(await signedCurl('--fail', ...unsigned, `${bucket}?list-type=2`), /<Key>k<\/Key>/)
  await signedCurl('--fail', ...unsigned, '--request', 'DELETE', `${bucket}/k`)
  t.regex(await signedCurl(...unsigned, `${bucket}/k`), /<Code>NoSuchKey<\/Code>/)
  await signedCurl('--fail', ...unsigned, '--request', 'DELETE', bucket)
})

test('the lines of docs/clients.md on curl work as they are pasted', async t => {
  t.regex(await workplace().pasted('curl'), /^# r2d$/m)
})
