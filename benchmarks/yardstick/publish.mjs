// The yardstick: a BullMQ worker doing the reference's `social-post` job. For each post:
// status=posting, POST to the platform, status=posted. One JSON line at the end.
import { readFileSync } from 'node:fs'
import { Queue, Worker } from 'bullmq'
import pg from 'pg'
import { Agent, request } from 'undici'

const concurrency = Number(process.env.CONCURRENCY)
const redis = new URL(process.env.REDIS_URL)
const connection = { host: redis.hostname, port: Number(redis.port), maxRetriesPerRequest: null }
const database = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 16 })
const dispatcher = new Agent({ connections: concurrency, pipelining: 1 })
const url = `${process.env.PLATFORM_URL}/2/tweets`

const queue = new Queue('social-post', { connection })
await queue.obliterate({ force: true })
const { rows } = await database.query(
  `UPDATE social_posts SET status = 'queued' WHERE status = 'scheduled' RETURNING id, content`)
for (let at = 0; at < rows.length; at += 1000) {
  await queue.addBulk(rows.slice(at, at + 1000).map((data) => ({
    name: 'social-post',
    data,
    opts: { attempts: 3, backoff: { type: 'exponential', delay: 1000 }, removeOnComplete: true },
  })))
}

console.log('begin')
const took = []
const began = performance.now()
const cpu = process.cpuUsage()
let done = 0
const worker = new Worker('social-post', async ({ data }) => {
  const start = performance.now()
  await database.query(`UPDATE social_posts SET status = 'posting', updated_at = now() WHERE id = $1`, [data.id])
  const response = await request(url, {
    method: 'POST',
    dispatcher,
    headers: { 'content-type': 'application/json', authorization: 'Bearer sample' },
    body: JSON.stringify({ text: data.content }),
  })
  const answer = await response.body.json()
  if (response.statusCode !== 201) throw new Error(`platform answered ${response.statusCode}`)
  await database.query(
    `UPDATE social_posts SET status = 'posted', platform_post_id = $2, posted_at = now(), updated_at = now() WHERE id = $1`,
    [data.id, answer.data.id])
  took.push(performance.now() - start)
}, { connection, concurrency })
await new Promise((resolve, reject) => {
  worker.on('completed', () => { if (++done === rows.length) resolve() })
  worker.on('failed', (_, error) => reject(error))
})
const seconds = (performance.now() - began) / 1000
const used = process.cpuUsage(cpu)
took.sort((a, b) => a - b)
console.log(JSON.stringify({
  posts: rows.length,
  seconds,
  worker_cpu: (used.user + used.system) / 1e6,
  p50_ms: took[Math.floor(took.length * 0.5)],
  p99_ms: took[Math.floor(took.length * 0.99)],
}))
await worker.close()
await queue.close()
await database.end()
await dispatcher.close()
