/**
 * The program behind a VIP: answers HTTP GET and UDP datagrams on one port with its own name.
 * Usage: backend-server.ts NAME PORT. UDP echoes the datagram after `NAME ` (`b1 n1 17` to `17`).
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';

const [name = '', port = ''] = process.argv.slice(2);

createServer((_, response) => {
  // A connection per request: each is then spread over the backends anew.
  response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' });
  response.end(`${name}\n`);
}).listen(Number(port), '::');

const socket = createSocket({ type: 'udp6' });
const prefix = Buffer.from(`${name} `);
socket.on('message', (datagram, from) => {
  socket.send([prefix, datagram], from.port, from.address);
});
socket.bind(Number(port), '::');
