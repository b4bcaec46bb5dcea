// The S3 conformance suite over a daemon in one thread over classic-level, as where there is no RocksDB.

import test from 'ava'
import { checksumSuite } from '../conformance/checksums.ts'
import { copySuite, hugeCopySuite } from '../conformance/copies.ts'
import { extraSuite } from '../conformance/extras.ts'
import { customerKeySuite } from '../conformance/customer-keys.ts'
import { multipartSuite } from '../conformance/multipart.ts'
import { listSuite } from '../conformance/lists.ts'
import { readSuite } from '../conformance/reads.ts'
import { screeningSuite } from '../conformance/screening.ts'
import { s3Suite, type S3Endpoint } from '../conformance/s3.ts'
import { DaemonProcess, makeDaemonHome, removeHome } from '../daemon/daemon-process.ts'

let daemon: DaemonProcess
let endpoint: S3Endpoint

test.before(async () => {
  daemon = await DaemonProcess.start(await makeDaemonHome(), {
    R2D_METADATA_ENGINE: 'classic-level'
  })
  endpoint = await daemon.s3()
})

test.after.always(async () => {
  await daemon.stop()
  await removeHome(daemon.home)
})

s3Suite(test, 'one thread over classic-level', () => endpoint)
customerKeySuite(test, 'one thread over classic-level', () => endpoint)
multipartSuite(test, 'one thread over classic-level', () => endpoint)
readSuite(test, 'one thread over classic-level', () => endpoint)
checksumSuite(test, 'one thread over classic-level', () => endpoint)
copySuite(test, 'one thread over classic-level', () => endpoint)
extraSuite(test, 'one thread over classic-level', () => endpoint)
screeningSuite(test, 'one thread over classic-level', () => endpoint)
listSuite(test, 'one thread over classic-level', () => endpoint)
hugeCopySuite(test, 'one thread over classic-level', () => endpoint, { isCopied: true })
