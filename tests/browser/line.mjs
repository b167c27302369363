// A line of a given speed and length, as a proxy in front of a system: what crosses it in one direction shares its rate,
// connection by connection in turn, and each byte takes half the round trip. A new connection waits for one round trip
// before it carries anything, as a handshake does. It knows no slow start and loses nothing.
import { connect, createServer } from 'node:net'

/** Bytes at once on the way of one connection, and of one turn. */
const WINDOW = 256 * 1024
const TURN = 8 * 1024

/** Starts the proxy to 127.0.0.1:`port`. `bits` a second, `roundTrip` in ms. */
export async function startLine(port, { bits, roundTrip }) {
  const down = direction(bits / 8000, roundTrip / 2)
  const up = direction(bits / 8000, roundTrip / 2)
  const open = new Set()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      open.add(socket.setNoDelay(true))
      socket.on('error', () => undefined)
      socket.on('close', () => (open.delete(socket), near.destroy(), far.destroy()))
    }
    down.carry(far, near)
    up.carry(near, far)
    near.pause()
    setTimeout(() => near.resume(), roundTrip)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
}

/** One direction: `rate` in bytes a ms, `delay` in ms. */
function direction(rate, delay) {
  /** Connections that have something to send, and what is on its way, both in order. */
  const [waiting, underWay] = [[], []]
  let free = 0
  const sending = alarm(send)
  const arriving = alarm(arrive)

  function send() {
    while (waiting.length > 0) {
      const now = performance.now()
      if (free > now + 1) return sending.at(free)
      const flow = waiting.shift()
      const piece = flow.queue.shift()
      free = Math.max(free, now) + piece.length / rate
      underWay.push({ flow, piece, at: free + delay })
      arriving.at(underWay[0].at)
      if (flow.queue.length > 0 && !flow.to.destroyed) waiting.push(flow)
      else flow.turning = false
    }
  }

  function arrive() {
    while (underWay.length > 0) {
      if (underWay[0].at > performance.now() + 1) return arriving.at(underWay[0].at)
      const { flow, piece } = underWay.shift()
      if (flow.to.destroyed) continue
      flow.held -= piece.length
      flow.to.write(piece)
      if (flow.held < WINDOW) flow.from.resume()
      if (flow.held === 0 && flow.ended) flow.to.end()
    }
  }

  return {
    carry(from, to) {
      const flow = { from, to, queue: [], held: 0, ended: false, turning: false }
      from.on('data', (data) => {
        for (let at = 0; at < data.length; at += TURN) flow.queue.push(data.subarray(at, at + TURN))
        flow.held += data.length
        if (flow.held >= WINDOW) from.pause()
        if (!flow.turning) waiting.push(flow)
        flow.turning = true
        send()
      })
      from.on('end', () => {
        flow.ended = true
        if (flow.held === 0) to.end()
      })
    },
  }
}

/** One timer at most. */
function alarm(ring) {
  let timer = null
  return {
    at(time) {
      timer ??= setTimeout(() => ((timer = null), ring()), Math.max(0, time - performance.now()))
    },
  }
}
