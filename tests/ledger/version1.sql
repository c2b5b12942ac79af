BEGIN TRANSACTION;
CREATE TABLE attempts (
	id INTEGER NOT NULL, 
	candidate_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	outcome VARCHAR(7) NOT NULL, 
	worker VARCHAR NOT NULL, 
	epochs INTEGER NOT NULL, 
	reason VARCHAR, 
	started_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (candidate_id, number), 
	FOREIGN KEY(candidate_id) REFERENCES candidates (id)
);
INSERT INTO "attempts" VALUES(1,1,1,'FAILED','host:1',0,'diverged','2026-11-24 13:16:36.112968','2026-11-24 13:16:36.128025');
INSERT INTO "attempts" VALUES(2,2,1,'DONE','host:1',0,NULL,'2026-11-24 13:16:36.116659','2026-11-24 13:16:36.123996');
INSERT INTO "attempts" VALUES(3,3,1,'RUNNING','host:1',1,NULL,'2026-11-24 13:16:36.120377',NULL);
CREATE TABLE candidates (
	id INTEGER NOT NULL, 
	study_id INTEGER NOT NULL, 
	purpose VARCHAR(6) NOT NULL, 
	number INTEGER NOT NULL, 
	vector JSON NOT NULL, 
	digest VARCHAR NOT NULL, 
	estimated_latency_ms DOUBLE NOT NULL, 
	measurement JSON, 
	state VARCHAR(7) NOT NULL, 
	accuracy DOUBLE, 
	result JSON, 
	reason VARCHAR, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	PRIMARY KEY (id), 
	UNIQUE (study_id, purpose, number), 
	UNIQUE (study_id, purpose, digest), 
	FOREIGN KEY(study_id) REFERENCES studies (id)
);
INSERT INTO "candidates" VALUES(1,1,'SEARCH',0,'[0, 2]','digest0',0.15,'null','FAILED',NULL,NULL,'diverged','2026-11-24 13:16:36.093643','2026-11-24 13:16:36.128043');
INSERT INTO "candidates" VALUES(2,1,'SEARCH',1,'[1, 2]','digest1',0.16,'null','DONE',0.9,'{"duration_s": 2.0}',NULL,'2026-11-24 13:16:36.100375','2026-11-24 13:16:36.123976');
INSERT INTO "candidates" VALUES(3,1,'SEARCH',2,'[2, 2]','digest2',1.69999999999999984456e-01,'null','RUNNING',NULL,NULL,NULL,'2026-11-24 13:16:36.101784',NULL);
INSERT INTO "candidates" VALUES(4,1,'SEARCH',3,'[3, 2]','digest3',0.18,'null','PENDING',NULL,NULL,NULL,'2026-11-24 13:16:36.108090',NULL);
INSERT INTO "candidates" VALUES(5,1,'FINAL',0,'[1, 2]','digest1',0.16,'{"latency_ms": 0.17}','PENDING',NULL,NULL,NULL,'2026-11-24 13:16:36.136475',NULL);
CREATE TABLE info (
	id INTEGER NOT NULL, 
	schema_version INTEGER NOT NULL, 
	tiernas_version VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "info" VALUES(1,1,'0.1.0','2026-11-24 13:16:36.066060');
CREATE TABLE studies (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	settings JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (name)
);
INSERT INTO "studies" VALUES(1,'0.1-0.4','{"study.seed": 0, "recipe.epochs": 2}','2026-11-24 13:16:36.090164');
CREATE INDEX ix_candidates_study_id ON candidates (study_id);
CREATE INDEX ix_candidates_state ON candidates (state);
CREATE INDEX ix_attempts_candidate_id ON attempts (candidate_id);
COMMIT;
