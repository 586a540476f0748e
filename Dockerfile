# One static binary and nothing else: no shell, no package manager, no user database.
#
#   docker build -t wadm .
#   docker run --rm wadm --nats-server nats.example:4222
FROM golang:1.26 AS build
WORKDIR /src
# The modules first: this layer stays in the cache while only code changes.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=0.1.0
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /wadm ./cmd/wadm

FROM scratch
# For NATS and registries over TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /wadm /wadm
# Nobody: scratch has no names, only numbers.
USER 65534:65534
ENTRYPOINT ["/wadm"]
