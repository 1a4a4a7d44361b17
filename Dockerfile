# PostgreSQL with kpicrm: docker build -t kpicrm . && docker run -e POSTGRES_PASSWORD=… kpicrm
ARG PG_MAJOR=17

FROM postgres:${PG_MAJOR} AS build
ARG PG_MAJOR
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc make libnlopt-dev postgresql-server-dev-${PG_MAJOR} \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /kpicrm
COPY . .
RUN make with_llvm=no && make with_llvm=no DESTDIR=/installed install

FROM postgres:${PG_MAJOR}
RUN apt-get update \
    && apt-get install -y --no-install-recommends libnlopt0 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /installed/ /
RUN echo 'CREATE EXTENSION kpicrm;' >/docker-entrypoint-initdb.d/kpicrm.sql
