-- keystore 0002;
CREATE TABLE schema_version_keystore (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT schema_version_keystore_pkc PRIMARY KEY (version_num)
);
CREATE TABLE erased_identifier (
	workspace_id BLOB NOT NULL, 
	suppression_key BLOB NOT NULL, 
	reason VARCHAR(255) NOT NULL, 
	request_id BLOB NOT NULL, 
	suppressed_at BIGINT NOT NULL, 
	CONSTRAINT pk_erased_identifier PRIMARY KEY (workspace_id, suppression_key)
);
CREATE TABLE erasure (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	ordered_at BIGINT NOT NULL, 
	CONSTRAINT pk_erasure PRIMARY KEY (workspace_id, fragment_id)
);
CREATE TABLE key_bundle (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	generation BIGINT NOT NULL, 
	revision BIGINT NOT NULL, 
	wrapped BLOB NOT NULL, 
	CONSTRAINT pk_key_bundle PRIMARY KEY (workspace_id, fragment_id)
);
CREATE INDEX ix_key_bundle_generation ON key_bundle (workspace_id, generation);
CREATE TABLE workspace_secret (
	workspace_id BLOB NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	version BIGINT NOT NULL, 
	generation BIGINT NOT NULL, 
	wrapped BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_workspace_secret PRIMARY KEY (workspace_id, name, version)
);
INSERT INTO schema_version_keystore VALUES ('0002');
