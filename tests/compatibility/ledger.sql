BEGIN TRANSACTION;
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	outcome VARCHAR(7) NOT NULL, 
	worker VARCHAR NOT NULL, 
	node VARCHAR, 
	gpu VARCHAR, 
	epochs INTEGER NOT NULL, 
	validation_accuracy DOUBLE, 
	reason VARCHAR, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (candidate_id, number), 
	FOREIGN KEY(candidate_id) REFERENCES candidates (id)
);
INSERT INTO "attempts" VALUES(1,1,1,'DONE','host:1',NULL,NULL,0,NULL,NULL,'2026-11-30 09:21:33.429174','2026-11-30 09:21:33.434028');
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	purpose VARCHAR(7) NOT NULL, 
	number INTEGER NOT NULL, 
	vector JSON NOT NULL, 
	digest VARCHAR NOT NULL, 
	seed_offset INTEGER NOT NULL, 
	estimated_latency_ms DOUBLE NOT NULL, 
	measurement JSON, 
	state VARCHAR(7) NOT NULL, 
	accuracy DOUBLE, 
	result JSON, 
	rungs JSON, 
	repeated JSON, 
	origin VARCHAR, 
	reason VARCHAR, 
	forgiven INTEGER NOT NULL, 
	ended_order INTEGER, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, purpose, number), 
	UNIQUE (study_id, purpose, digest, seed_offset), 
	FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "candidates" VALUES(1,1,'SEARCH',0,'[64, 24, 3, 1, 1, 24, 5, 5, 1, 1, 2, 40, 5, 2, 1, 1, 1, 64, 3, 6, 1, 1, 3, 48, 3, 2, 0, 0, 0, 160, 5, 5, 1, 0, 4, 96, 3, 2, 0, 0, 0]','080ca52d3c0d007e',0,0.5,NULL,'DONE',0.75,'{"duration_s": 2.0}',NULL,NULL,NULL,NULL,0,0,'2026-11-30 09:21:33.407634','2026-11-30 09:21:33.437434');
INSERT INTO "candidates" VALUES(2,1,'SEARCH',1,'[112, 16, 5, 0, 2, 16, 3, 4, 0, 0, 1, 32, 3, 5, 0, 0, 3, 32, 5, 3, 0, 0, 2, 48, 3, 3, 0, 1, 2, 96, 3, 4, 0, 1, 1, 256, 5, 2, 1, 0, 3]','73969df211b28d7f',0,0.5,NULL,'PENDING',NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,'2026-11-30 09:21:33.420059',NULL);
CREATE TABLE control (
	id INTEGER NOT NULL, 
	paused BOOLEAN NOT NULL, 
	trainings INTEGER, 
	changed INTEGER NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "control" VALUES(1,0,NULL,0);
CREATE TABLE info (
	id INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	tiernas_version VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "info" VALUES(1,4,'0.1.0','2026-11-30 09:21:33.308728');
CREATE TABLE lease (
	id INTEGER NOT NULL, 
	token VARCHAR(32), 
	host VARCHAR, 
	machine VARCHAR, 
	pid INTEGER, 
	began_s DOUBLE, 
	lease_s DOUBLE, 
	renewals INTEGER, 
	expires_at DATETIME, 
	clients INTEGER, 
	idle INTEGER, 
	PRIMARY KEY (id)
);
INSERT INTO "lease" VALUES(1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE studies (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	settings JSON NOT NULL, 
	reused JSON, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "studies" VALUES(1,'0.4-0.8','{"space": "gpunet-small", "seed": 0}',NULL,'2026-11-30 09:21:33.386436');
CREATE INDEX ix_candidates_study_id ON candidates (study_id);
CREATE INDEX ix_candidates_state ON candidates (state);
CREATE INDEX ix_candidates_ended_order ON candidates (study_id, purpose, ended_order);
CREATE INDEX ix_candidates_finished_at ON candidates (finished_at);
CREATE INDEX ix_attempts_candidate_id ON attempts (candidate_id);
COMMIT;
