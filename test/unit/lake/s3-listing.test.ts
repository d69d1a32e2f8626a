import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseListing } from '../../../libs/lake/src/s3-listing.ts'

describe('parseListing()', () => {
  it('reads objects, prefixes and where the next page begins', () => {
    const page = parseListing(`<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>lake</Name><Prefix>a/</Prefix>
  <NextContinuationToken>1/x&amp;y=</NextContinuationToken><KeyCount>3</KeyCount><IsTruncated>true</IsTruncated>
  <Contents><Key>a/b &amp; &lt;c&gt; &#xe4;&#x1F600;&#228;</Key><LastModified>2026-03-10T21:30:00.000Z</LastModified></Contents>
  <Contents><Key>a/&amp;lt;</Key><LastModified>2026-03-10T21:30:01Z</LastModified><ETag>&quot;0cc1&quot;</ETag><Size>1</Size></Contents>
  <CommonPrefixes><Prefix>a/trade_date=2026-03-10/</Prefix></CommonPrefixes>
</ListBucketResult>`)
    assert.deepEqual(page, {
      objects: [
        { key: 'a/b & <c> ä😀ä', writtenMs: Date.parse('2026-03-10T21:30:00Z'), tag: '' },
        { key: 'a/&lt;', writtenMs: Date.parse('2026-03-10T21:30:01Z'), tag: '"0cc1"' }
      ],
      prefixes: ['a/trade_date=2026-03-10/'],
      next: '1/x&y='
    })
  })

  it('has no next page when it is the last one', () => {
    const xml = '<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
    assert.deepEqual(parseListing(xml), { objects: [], prefixes: [], next: undefined })
  })
})
