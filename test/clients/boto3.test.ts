// boto3 with its defaults, in the release that Debian has and in the current one: they differ in checksums and conditions.

import { join } from 'node:path'
import test from 'ava'
import { root } from '../daemon/daemon-process.ts'
import { currentPython } from './python.ts'
import { workplaceOf } from './workplace.ts'

const workplace = workplaceOf(test)

const releases = [
  ["Debian's boto3", 'python3'],
  ['the current boto3', currentPython]
] as const

/** Functions of boto3_checks.py, and what they are to show. */
const checks = {
  buckets: 'makes, finds, waits for and removes buckets',
  objects: 'puts and gets objects, whole and in ranges, with every checksum',
  transfers: 'uploads and downloads file objects',
  multipart: 'uploads, downloads and copies 64 MiB in parts, and aborts an upload',
  listings: 'pages through listings and deletes what they list',
  copies: 'copies objects, also onto themselves',
  errors: 'gets the errors that it knows by their codes',
  presigned: 'signs URLs that read and write without credentials'
}

for (const [release, python] of releases) {
  for (const [check, title] of Object.entries(checks)) {
    test(`${release} ${title}`, async t => {
      const args = [join(root, 'test/clients/boto3_checks.py'), workplace().bucketName(), check]
      await t.notThrowsAsync(workplace().run(python, args))
    })
  }
}

test('the lines of docs/clients.md on boto3 work as they are pasted', async t => {
  t.regex(await workplace().pasted('boto3'), /^README\.md \d+$/m)
})
