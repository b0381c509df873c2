/* SPDX-License-Identifier: MIT */
#include "net/canned.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A server in a process of its own, so that a test can run the real client on the real
 * loop. It serves several connections at a time and writes down every request in memory
 * that it shares with the test.
 */

#define CONNECTIONS_MAX 8
#define REQUEST_MAX_BYTES 16384
#define LOG_MAX_BYTES (1024 * 1024)

struct canned_log {
	size_t length;
	char text[LOG_MAX_BYTES];
};

struct connection {
	int fd;
	size_t length;
	char request[REQUEST_MAX_BYTES];
};

struct server {
	int listen_fd;
	struct canned_log *log;
	const struct canned_reply *replies;
	int given[64];
	struct connection connections[CONNECTIONS_MAX];
};

static bool is_end(const struct canned_reply *reply)
{
	return reply->status == 0 && !reply->is_silent;
}

static const struct canned_reply *choose(struct server *server, const char *request)
{
	for (int i = 0; !is_end(&server->replies[i]); i++) {
		const struct canned_reply *reply = &server->replies[i];

		if (reply->request &&
		    strncmp(request, reply->request, strlen(reply->request)) != 0)
			continue;
		if (reply->times && server->given[i] >= reply->times)
			continue;
		server->given[i]++;
		return reply;
	}
	return NULL;
}

static void write_down(struct canned_log *log, const char *text, size_t length)
{
	if (log->length + length + 2 > sizeof(log->text))
		return;
	memcpy(log->text + log->length, text, length);
	log->text[log->length + length] = '\n';
	log->length += length + 1;
}

static void send_all(int fd, const char *data, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		data += sent;
		length -= (size_t)sent;
	}
}

static void hang_up(struct connection *connection)
{
	(void)close(connection->fd);
	connection->fd = -1;
	connection->length = 0;
}

static void answer(struct server *server, struct connection *connection)
{
	const struct canned_reply *reply = choose(server, connection->request);
	const char *body = reply && reply->body ? reply->body : "";
	size_t length = reply && reply->body_length_bytes ? reply->body_length_bytes
							  : strlen(body);
	char head[1024];
	int head_length;

	write_down(server->log, connection->request, connection->length);
	connection->length = 0;
	if (reply && reply->is_silent)
		return;
	head_length = snprintf(head, sizeof(head),
			       "HTTP/1.1 %d Canned\r\nContent-Length: %zu\r\n%s\r\n",
			       reply ? reply->status : 599,
			       length + (reply && reply->is_cut ? 10 : 0),
			       reply && reply->headers ? reply->headers : "");
	send_all(connection->fd, head, (size_t)head_length);
	send_all(connection->fd, body, length);
	if (reply && reply->is_cut)
		hang_up(connection);
}

/* Whether head and body are there. */
static bool is_whole(const struct connection *connection)
{
	const char *head_end = strstr(connection->request, "\r\n\r\n");
	const char *field = strcasestr(connection->request, "\r\nContent-Length:");
	size_t body = field && field < head_end
		? strtoul(field + strlen("\r\nContent-Length:"), NULL, 10)
		: 0;

	if (!head_end)
		return false;
	return connection->length >= (size_t)(head_end + 4 - connection->request) + body;
}

static void hear(struct server *server, struct connection *connection)
{
	ssize_t got = recv(connection->fd, connection->request + connection->length,
			   sizeof(connection->request) - 1 - connection->length, 0);

	if (got <= 0) {
		hang_up(connection);
		return;
	}
	connection->length += (size_t)got;
	connection->request[connection->length] = '\0';
	if (is_whole(connection))
		answer(server, connection);
}

static void welcome(struct server *server)
{
	int fd = accept(server->listen_fd, NULL, NULL);

	for (int i = 0; i < CONNECTIONS_MAX; i++)
		if (server->connections[i].fd < 0) {
			server->connections[i].fd = fd;
			return;
		}
	(void)close(fd);
}

static void serve(struct server *server)
{
	struct pollfd fds[CONNECTIONS_MAX + 1];

	for (int i = 0; i < CONNECTIONS_MAX; i++)
		server->connections[i].fd = -1;
	for (;;) {
		for (int i = 0; i < CONNECTIONS_MAX; i++)
			fds[i] = (struct pollfd){ server->connections[i].fd, POLLIN, 0 };
		fds[CONNECTIONS_MAX] = (struct pollfd){ server->listen_fd, POLLIN, 0 };
		if (poll(fds, CONNECTIONS_MAX + 1, -1) < 0)
			_exit(1);
		for (int i = 0; i < CONNECTIONS_MAX; i++)
			if (fds[i].revents)
				hear(server, &server->connections[i]);
		if (fds[CONNECTIONS_MAX].revents)
			welcome(server);
	}
}

static int listen_somewhere(int *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -1;
	*ret_port = ntohs(address.sin_port);
	return fd;
}

int canned_start(struct canned *canned, const struct canned_reply *replies)
{
	int fd = listen_somewhere(&canned->port);

	if (fd < 0)
		return -1;
	(void)snprintf(canned->url, sizeof(canned->url), "http://127.0.0.1:%d",
		       canned->port);
	canned->log = mmap(NULL, sizeof(*canned->log), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (canned->log == MAP_FAILED)
		return -1;
	canned->pid = fork();
	if (canned->pid == 0) {
		struct server *server = calloc(1, sizeof(*server));

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		server->listen_fd = fd;
		server->log = canned->log;
		server->replies = replies;
		serve(server);
	}
	(void)close(fd);
	return canned->pid < 0 ? -1 : 0;
}

void canned_stop(struct canned *canned)
{
	if (canned->pid <= 0)
		return;
	(void)kill(canned->pid, SIGKILL);
	(void)waitpid(canned->pid, NULL, 0);
	(void)munmap(canned->log, sizeof(*canned->log));
	canned->pid = 0;
}

const char *canned_requests(const struct canned *canned)
{
	return canned->log->text;
}

int canned_count(const struct canned *canned, const char *request)
{
	const char *text = canned->log->text;
	int count = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		count += strncmp(line, request, strlen(request)) == 0;
	}
	return count;
}
