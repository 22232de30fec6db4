// A client of paddock-stream.1 with the library `ws` of Node: what tests/cli/websocket.sh asks of it.
// usage: ws.js URL TOKEN CA SANDBOX      prints the output and the result; exit 0 when closed with 1000
const fs = require('fs');
const WebSocket = require('/usr/share/nodejs/ws');
const [url, token, ca, box] = process.argv.slice(2);
const STDOUT = 17, RESULT = 20;
const ws = new WebSocket(`${url}/v1/sandboxes/${box}/stream`, 'paddock-stream.1',
                         {ca: fs.readFileSync(ca), headers: {Authorization: `Bearer ${token}`}});
ws.on('message', message => {
  for (let at = 0; at < message.length;) { // whole frames
    const kind = message[at], n = message.readUInt32LE(at + 4);
    const data = message.subarray(at + 8, at + 8 + n);
    if (kind === STDOUT) process.stdout.write(data.subarray(8));
    if (kind === RESULT) console.log('result', data.toString());
    at += 8 + n;
  }
});
ws.on('error', e => console.log('error', e.message));
ws.on('close', code => process.exit(code === 1000 ? 0 : 1));
