CREATE TABLE installation (id TEXT NOT NULL);

CREATE TABLE reference (
    name TEXT PRIMARY KEY,
    os TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    created TEXT NOT NULL,
    head INTEGER NOT NULL DEFAULT 0,
    last_version INTEGER NOT NULL DEFAULT 0,
    last_image INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE version (
    reference TEXT NOT NULL REFERENCES reference (name),
    number INTEGER NOT NULL,
    parent INTEGER,
    machine TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    created TEXT NOT NULL,
    message TEXT NOT NULL,
    size INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (reference, number)
);

-- Overviews read this alone, never the records.
CREATE INDEX version_overview ON version (reference, number, created, size, state);

CREATE TABLE image (
    reference TEXT NOT NULL REFERENCES reference (name),
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,
    artifact TEXT NOT NULL UNIQUE,
    seal TEXT NOT NULL,
    created TEXT NOT NULL,
    size INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (reference, number),
    FOREIGN KEY (reference, version) REFERENCES version (reference, number)
);

CREATE TABLE publication (
    key TEXT PRIMARY KEY,
    reference TEXT NOT NULL,
    image INTEGER NOT NULL,
    library TEXT NOT NULL,
    retired INTEGER NOT NULL DEFAULT 0,
    record TEXT NOT NULL,
    FOREIGN KEY (reference, image) REFERENCES image (reference, number)
);

CREATE TABLE channel (
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    image INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (reference, name),
    FOREIGN KEY (reference, image) REFERENCES image (reference, number)
);

CREATE TABLE job (
    id TEXT PRIMARY KEY,
    procedure TEXT NOT NULL,
    revision INTEGER NOT NULL,
    reference TEXT NOT NULL,
    instructions TEXT NOT NULL,
    state TEXT NOT NULL,
    created TEXT NOT NULL,
    ended TEXT,
    problem TEXT
);
CREATE INDEX job_open ON job (state);

CREATE TABLE entry (
    job TEXT NOT NULL REFERENCES job (id),
    serial INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (job, serial)
);

CREATE TABLE lease (
    reference TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    token TEXT NOT NULL,
    owner TEXT NOT NULL,
    since TEXT NOT NULL,
    expires REAL NOT NULL
);
