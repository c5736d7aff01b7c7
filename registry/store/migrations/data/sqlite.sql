-- data 0028;
CREATE TABLE schema_version_data (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT schema_version_data_pkc PRIMARY KEY (version_num)
);
CREATE TABLE audit_detail (
	workspace_id BLOB NOT NULL, 
	position BIGINT NOT NULL, 
	fragment_id BLOB NOT NULL, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_audit_detail PRIMARY KEY (workspace_id, position)
);
CREATE INDEX ix_audit_detail_fragment ON audit_detail (workspace_id, fragment_id);
CREATE TABLE audit_entry (
	workspace_id BLOB NOT NULL, 
	position BIGINT NOT NULL, 
	entry BLOB NOT NULL, 
	CONSTRAINT pk_audit_entry PRIMARY KEY (workspace_id, position)
);
CREATE TABLE audit_head (
	workspace_id BLOB NOT NULL, 
	size BIGINT NOT NULL, 
	frontier BLOB NOT NULL, 
	CONSTRAINT pk_audit_head PRIMARY KEY (workspace_id)
);
CREATE TABLE audit_node (
	workspace_id BLOB NOT NULL, 
	level BIGINT NOT NULL, 
	position BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	CONSTRAINT pk_audit_node PRIMARY KEY (workspace_id, level, position)
);
CREATE TABLE consent_record (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	record_id BLOB NOT NULL, 
	purpose VARCHAR(255) NOT NULL, 
	status VARCHAR(255) NOT NULL, 
	acted_at BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	purpose_version INTEGER NOT NULL, 
	notice_version VARCHAR(255), 
	language VARCHAR(255), 
	jurisdiction VARCHAR(255), 
	channel VARCHAR(255) NOT NULL, 
	actor VARCHAR(255) NOT NULL, 
	source_name VARCHAR(255) NOT NULL, 
	sealed BLOB, 
	CONSTRAINT pk_consent_record PRIMARY KEY (workspace_id, fragment_id, record_id)
);
CREATE TABLE consent_state (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	purpose VARCHAR(255) NOT NULL, 
	record_id BLOB NOT NULL, 
	status VARCHAR(255) NOT NULL, 
	acted_at BIGINT NOT NULL, 
	recorded_at BIGINT NOT NULL, 
	expires_at BIGINT, repeated_at BIGINT, 
	CONSTRAINT pk_consent_state PRIMARY KEY (workspace_id, fragment_id, purpose)
);
CREATE TABLE credential (
	workspace_id BLOB NOT NULL, 
	credential_id BLOB NOT NULL, 
	key_hash BLOB NOT NULL, 
	kind VARCHAR(255) NOT NULL, 
	role VARCHAR(255) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	purposes TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, owner VARCHAR(255), 
	CONSTRAINT pk_credential PRIMARY KEY (workspace_id, credential_id)
);
CREATE UNIQUE INDEX uq_credential_key_hash ON credential (key_hash);
CREATE TABLE dsr_event (
	workspace_id BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	position BIGINT NOT NULL, 
	action VARCHAR(255) NOT NULL, 
	state VARCHAR(255) NOT NULL, 
	actor VARCHAR(255) NOT NULL, 
	happened_at BIGINT NOT NULL, details TEXT, 
	CONSTRAINT pk_dsr_event PRIMARY KEY (workspace_id, request_id, position)
);
CREATE TABLE dsr_fragment (
	workspace_id BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	CONSTRAINT pk_dsr_fragment PRIMARY KEY (workspace_id, request_id, fragment_id)
);
CREATE TABLE dsr_request (
	workspace_id BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	kind VARCHAR(255) NOT NULL, 
	state VARCHAR(255) NOT NULL, 
	jurisdiction VARCHAR(255) NOT NULL, 
	profile_id BLOB, 
	pseudonym VARCHAR(255) NOT NULL, 
	opened_by VARCHAR(255) NOT NULL, 
	approved_by VARCHAR(255), 
	received_at BIGINT NOT NULL, 
	respond_by BIGINT NOT NULL, 
	completed_at BIGINT, 
	progress TEXT NOT NULL, 
	certificate TEXT, opened_owner VARCHAR(255), approved_owner VARCHAR(255), sealed BLOB, due_at BIGINT, reason VARCHAR(255), mandate VARCHAR(255), mandate_until BIGINT, mandate_checked_at BIGINT, deliver_to VARCHAR(255), acknowledge_by BIGINT, acknowledged_at BIGINT, 
	CONSTRAINT pk_dsr_request PRIMARY KEY (workspace_id, request_id)
);
CREATE INDEX ix_dsr_request_state ON dsr_request (workspace_id, state);
CREATE TABLE event (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	event_id BLOB NOT NULL, 
	message_key BLOB NOT NULL, 
	call VARCHAR(255) NOT NULL, 
	plan_event VARCHAR(255), 
	plan_version VARCHAR(255) NOT NULL, 
	source_id BLOB NOT NULL, 
	observed_at BIGINT NOT NULL, 
	received_at BIGINT NOT NULL, 
	compartments TEXT NOT NULL, 
	omitted INTEGER NOT NULL, 
	ungrounded TEXT NOT NULL, 
	body BLOB NOT NULL, transformed TEXT, 
	CONSTRAINT pk_event PRIMARY KEY (workspace_id, fragment_id, event_id)
);
CREATE UNIQUE INDEX uq_event_message_key ON event (workspace_id, message_key);
CREATE TABLE fragment (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	profile_id BLOB NOT NULL, 
	origin_profile_id BLOB NOT NULL, 
	anchor BLOB NOT NULL, 
	kind VARCHAR(255) NOT NULL, 
	joined_at BIGINT NOT NULL, 
	state_version BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_fragment PRIMARY KEY (workspace_id, fragment_id)
);
CREATE INDEX ix_fragment_profile ON fragment (workspace_id, profile_id);
CREATE TABLE link (
	workspace_id BLOB NOT NULL, 
	low BLOB NOT NULL, 
	high BLOB NOT NULL, 
	source_id BLOB NOT NULL, 
	message_key BLOB NOT NULL, 
	observed_at BIGINT NOT NULL, 
	received_at BIGINT NOT NULL, 
	CONSTRAINT pk_link PRIMARY KEY (workspace_id, low, high, source_id)
);
CREATE TABLE merge (
	workspace_id BLOB NOT NULL, 
	merge_id BLOB NOT NULL, 
	kind VARCHAR(255) NOT NULL, 
	into_profile BLOB NOT NULL, 
	from_profile BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	from_origin BLOB NOT NULL, 
	message_key BLOB NOT NULL, 
	merged_at BIGINT NOT NULL, 
	CONSTRAINT pk_merge PRIMARY KEY (workspace_id, merge_id)
);
CREATE INDEX ix_merge_fragment ON merge (workspace_id, fragment_id);
CREATE INDEX ix_merge_from ON merge (workspace_id, from_profile);
CREATE INDEX ix_merge_into ON merge (workspace_id, into_profile);
CREATE TABLE "plan" (
	workspace_id BLOB NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	version VARCHAR(255) NOT NULL, 
	document TEXT NOT NULL, 
	published_at BIGINT NOT NULL, 
	CONSTRAINT pk_plan PRIMARY KEY (workspace_id, name, version)
);
CREATE TABLE quarantine (
	workspace_id BLOB NOT NULL, 
	quarantine_id BLOB NOT NULL, 
	message_key BLOB NOT NULL, 
	source_id BLOB NOT NULL, 
	received_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_quarantine PRIMARY KEY (workspace_id, quarantine_id)
);
CREATE UNIQUE INDEX uq_quarantine_message ON quarantine (workspace_id, message_key);
CREATE TABLE quarantine_subject (
	workspace_id BLOB NOT NULL, 
	blind_index BLOB NOT NULL, 
	quarantine_id BLOB NOT NULL, 
	CONSTRAINT pk_quarantine_subject PRIMARY KEY (workspace_id, blind_index, quarantine_id)
);
CREATE TABLE refused_link (
	workspace_id BLOB NOT NULL, 
	low BLOB NOT NULL, 
	high BLOB NOT NULL, 
	reason VARCHAR(255) NOT NULL, 
	refused_at BIGINT NOT NULL, 
	CONSTRAINT pk_refused_link PRIMARY KEY (workspace_id, low, high)
);
CREATE TABLE refused_message (
	workspace_id BLOB NOT NULL, 
	message_key BLOB NOT NULL, 
	source_id BLOB NOT NULL, 
	outcome VARCHAR(255) NOT NULL, 
	received_at BIGINT NOT NULL, 
	CONSTRAINT pk_refused_message PRIMARY KEY (workspace_id, message_key)
);
CREATE TABLE source (
	workspace_id BLOB NOT NULL, 
	source_id BLOB NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	write_key_hash BLOB NOT NULL, 
	plan_name VARCHAR(255) NOT NULL, 
	plan_version VARCHAR(255) NOT NULL, 
	unplanned_events VARCHAR(255), 
	unplanned_properties VARCHAR(255), 
	violations VARCHAR(255), 
	method VARCHAR(255) NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_source PRIMARY KEY (workspace_id, source_id)
);
CREATE UNIQUE INDEX uq_source_write_key_hash ON source (write_key_hash);
CREATE TABLE suppression (
	workspace_id BLOB NOT NULL, 
	suppression_key BLOB NOT NULL, 
	reason VARCHAR(255) NOT NULL, 
	request_id BLOB NOT NULL, 
	suppressed_at BIGINT NOT NULL, 
	CONSTRAINT pk_suppression PRIMARY KEY (workspace_id, suppression_key)
);
CREATE TABLE trait_assertion (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	trait VARCHAR(255) NOT NULL, 
	source_id BLOB NOT NULL, 
	compartment TEXT NOT NULL, 
	observed_at BIGINT NOT NULL, 
	received_at BIGINT NOT NULL, 
	method VARCHAR(255) NOT NULL, 
	trust INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_trait_assertion PRIMARY KEY (workspace_id, fragment_id, trait, source_id)
);
CREATE TABLE violation (
	workspace_id BLOB NOT NULL, 
	violation_id BLOB NOT NULL, 
	message_key BLOB NOT NULL, 
	source_id BLOB NOT NULL, 
	call VARCHAR(255) NOT NULL, 
	plan_event VARCHAR(255), 
	plan_version VARCHAR(255) NOT NULL, 
	code VARCHAR(255) NOT NULL, 
	path TEXT NOT NULL, 
	rule TEXT NOT NULL, 
	expected TEXT NOT NULL, 
	rejected BOOLEAN NOT NULL, 
	received_at BIGINT NOT NULL, app_version VARCHAR(255), 
	CONSTRAINT pk_violation PRIMARY KEY (workspace_id, violation_id)
);
CREATE INDEX ix_violation_message ON violation (workspace_id, message_key);
CREATE TABLE workspace (
	workspace_id BLOB NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_workspace PRIMARY KEY (workspace_id)
);
CREATE TABLE steward_decision (
	workspace_id BLOB NOT NULL, 
	low BLOB NOT NULL, 
	high BLOB NOT NULL, 
	verdict VARCHAR(255) NOT NULL, 
	actor VARCHAR(255) NOT NULL, 
	decided_at BIGINT NOT NULL, 
	CONSTRAINT pk_steward_decision PRIMARY KEY (workspace_id, low, high)
);
CREATE INDEX ix_steward_decision_high ON steward_decision (workspace_id, high);
CREATE TABLE runaway_identifier (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	blind_index BLOB NOT NULL, 
	noticed_at BIGINT NOT NULL, 
	CONSTRAINT pk_runaway_identifier PRIMARY KEY (workspace_id, fragment_id)
);
CREATE UNIQUE INDEX uq_runaway_identifier_index ON runaway_identifier (workspace_id, blind_index);
CREATE INDEX ix_refused_link_refused ON refused_link (workspace_id, refused_at, low, high);
CREATE TABLE compartment_lock (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	compartment TEXT NOT NULL, 
	reason VARCHAR(255) NOT NULL, 
	locked_at BIGINT NOT NULL, 
	shred_at BIGINT, 
	CONSTRAINT pk_compartment_lock PRIMARY KEY (workspace_id, fragment_id, compartment)
);
CREATE INDEX ix_compartment_lock_shred ON compartment_lock (workspace_id, shred_at);
CREATE TABLE sweep (
	workspace_id BLOB NOT NULL, 
	sweep_id BLOB NOT NULL, 
	started_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	"after" BLOB NOT NULL, 
	report TEXT NOT NULL, 
	CONSTRAINT pk_sweep PRIMARY KEY (workspace_id, sweep_id)
);
CREATE TABLE webhook (
	workspace_id BLOB NOT NULL, 
	webhook_id BLOB NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	topics TEXT NOT NULL, 
	purpose VARCHAR(255), 
	sealed BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	paused_at BIGINT, 
	failures INTEGER NOT NULL, 
	retry_at BIGINT NOT NULL, 
	delivered BIGINT NOT NULL, 
	delivered_at BIGINT, sending_since BIGINT, left_until BIGINT, 
	CONSTRAINT pk_webhook PRIMARY KEY (workspace_id, webhook_id)
);
CREATE TABLE outbox (
	workspace_id BLOB NOT NULL, 
	webhook_id BLOB NOT NULL, 
	message_id BLOB NOT NULL, 
	topic VARCHAR(255) NOT NULL, 
	fragment_id BLOB, 
	content TEXT NOT NULL, 
	occurred_at BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at BIGINT NOT NULL, 
	failure VARCHAR(255), 
	dead_at BIGINT, 
	CONSTRAINT pk_outbox PRIMARY KEY (workspace_id, webhook_id, message_id)
);
CREATE TABLE alert (
	workspace_id BLOB NOT NULL, 
	name TEXT NOT NULL, 
	raised_at BIGINT NOT NULL, 
	CONSTRAINT pk_alert PRIMARY KEY (workspace_id, name)
);
CREATE TABLE account (
	workspace_id BLOB NOT NULL, 
	account_id BLOB NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	role VARCHAR(255) NOT NULL, 
	purposes TEXT NOT NULL, 
	password_hash TEXT NOT NULL, 
	totp_sealed BLOB NOT NULL, 
	totp_step BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	disabled_at BIGINT, 
	CONSTRAINT pk_account PRIMARY KEY (workspace_id, account_id)
);
CREATE UNIQUE INDEX uq_account_name ON account (workspace_id, name);
CREATE TABLE session (
	workspace_id BLOB NOT NULL, 
	session_hash BLOB NOT NULL, 
	account_id BLOB, 
	credential_id BLOB, 
	opened_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	CONSTRAINT pk_session PRIMARY KEY (workspace_id, session_hash)
);
CREATE UNIQUE INDEX uq_session_hash ON session (session_hash);
CREATE TABLE tries (
	workspace_id BLOB NOT NULL, 
	target BLOB NOT NULL, 
	tries INTEGER NOT NULL, 
	last_at BIGINT NOT NULL, 
	CONSTRAINT pk_tries PRIMARY KEY (workspace_id, target)
);
CREATE TABLE destination (
	workspace_id BLOB NOT NULL, 
	destination_id BLOB NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	kind VARCHAR(255) NOT NULL, 
	purpose VARCHAR(255) NOT NULL, 
	events TEXT NOT NULL, 
	traits TEXT NOT NULL, 
	sealed BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	paused_at BIGINT, 
	position BIGINT NOT NULL, 
	place BIGINT NOT NULL, 
	failures INTEGER NOT NULL, 
	failure VARCHAR(255), 
	retry_at BIGINT NOT NULL, 
	delivered BIGINT NOT NULL, 
	withheld BIGINT NOT NULL, 
	delivered_at BIGINT, sending_since BIGINT, left_until BIGINT, 
	CONSTRAINT pk_destination PRIMARY KEY (workspace_id, destination_id)
);
CREATE TABLE event_feed (
	workspace_id BLOB NOT NULL, 
	position BIGINT NOT NULL, 
	place BIGINT NOT NULL, 
	fragment_id BLOB NOT NULL, 
	event_id BLOB NOT NULL, 
	CONSTRAINT pk_event_feed PRIMARY KEY (workspace_id, position, place)
);
CREATE INDEX ix_event_feed_fragment ON event_feed (workspace_id, fragment_id);
CREATE TABLE destination_recipient (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	destination_id BLOB NOT NULL, 
	first_at BIGINT NOT NULL, 
	CONSTRAINT pk_destination_recipient PRIMARY KEY (workspace_id, fragment_id, destination_id)
);
CREATE TABLE destination_failure (
	workspace_id BLOB NOT NULL, 
	destination_id BLOB NOT NULL, 
	position BIGINT NOT NULL, 
	place BIGINT NOT NULL, 
	fragment_id BLOB NOT NULL, 
	event_id BLOB NOT NULL, 
	failure VARCHAR(255) NOT NULL, 
	failed_at BIGINT NOT NULL, 
	retry_at BIGINT, 
	CONSTRAINT pk_destination_failure PRIMARY KEY (workspace_id, destination_id, position, place)
);
CREATE INDEX ix_destination_failure_fragment ON destination_failure (workspace_id, fragment_id);
CREATE TABLE destination_erasure (
	workspace_id BLOB NOT NULL, 
	destination_id BLOB NOT NULL, 
	order_id BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	state VARCHAR(255) NOT NULL, 
	sealed BLOB, 
	ordered_at BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	retry_at BIGINT NOT NULL, 
	failure VARCHAR(255), 
	settled_at BIGINT, received_at BIGINT, 
	CONSTRAINT pk_destination_erasure PRIMARY KEY (workspace_id, destination_id, order_id)
);
CREATE TABLE visit (
	workspace_id BLOB NOT NULL, 
	visit_hash BLOB NOT NULL, 
	kind VARCHAR(255) NOT NULL, 
	visitor_sealed BLOB NOT NULL, 
	code_hash BLOB, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_visit PRIMARY KEY (workspace_id, visit_hash)
);
CREATE INDEX ix_dsr_request_pseudonym ON dsr_request (workspace_id, pseudonym);
CREATE TABLE quality_day (
	workspace_id BLOB NOT NULL, 
	day BIGINT NOT NULL, 
	source_id BLOB NOT NULL, 
	obstacle VARCHAR(255) NOT NULL, 
	found BIGINT NOT NULL, 
	looked_at BIGINT NOT NULL, 
	CONSTRAINT pk_quality_day PRIMARY KEY (workspace_id, day, source_id, obstacle)
);
CREATE TABLE import_run (
	workspace_id BLOB NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	source_id BLOB NOT NULL, 
	fingerprint BLOB NOT NULL, 
	rows_done BIGINT NOT NULL, 
	accepted BIGINT NOT NULL, 
	rejected BIGINT NOT NULL, 
	duplicate BIGINT NOT NULL, 
	suppressed BIGINT NOT NULL, 
	unreadable BIGINT NOT NULL, 
	started_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	CONSTRAINT pk_import_run PRIMARY KEY (workspace_id, name)
);
CREATE TABLE counted_back (
	workspace_id BLOB NOT NULL, 
	trait VARCHAR(255) NOT NULL, 
	form TEXT NOT NULL, 
	"after" BLOB NOT NULL, 
	started_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	CONSTRAINT pk_counted_back PRIMARY KEY (workspace_id, trait)
);
CREATE TABLE opendsr_key (
	workspace_id BLOB NOT NULL, 
	domain VARCHAR(255) NOT NULL, 
	holder_id BLOB NOT NULL, 
	certificate TEXT NOT NULL, 
	sealed BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	CONSTRAINT pk_opendsr_key PRIMARY KEY (workspace_id, domain)
);
CREATE TABLE opendsr_request (
	workspace_id BLOB NOT NULL, 
	subject_request_id BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	body_key BLOB NOT NULL, 
	domain VARCHAR(255) NOT NULL, 
	received_at BIGINT NOT NULL, 
	holder_id BLOB NOT NULL, 
	sealed BLOB, 
	told INTEGER NOT NULL, 
	seen INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	next_at BIGINT NOT NULL, 
	failure VARCHAR(255), 
	CONSTRAINT pk_opendsr_request PRIMARY KEY (workspace_id, subject_request_id)
);
CREATE TABLE index_move (
	workspace_id BLOB NOT NULL, 
	version BIGINT NOT NULL, 
	"after" BLOB NOT NULL, 
	moved BIGINT NOT NULL, 
	closed BIGINT NOT NULL, 
	total BIGINT NOT NULL, 
	started_at BIGINT NOT NULL, 
	finished_at BIGINT, 
	CONSTRAINT pk_index_move PRIMARY KEY (workspace_id, version)
);
CREATE TABLE legal_hold (
	workspace_id BLOB NOT NULL, 
	hold_id BLOB NOT NULL, 
	ground TEXT NOT NULL, 
	purpose VARCHAR(255) NOT NULL, 
	categories TEXT NOT NULL, 
	until BIGINT, 
	placed_by VARCHAR(255) NOT NULL, 
	placed_at BIGINT NOT NULL, 
	released_by VARCHAR(255), 
	released_at BIGINT, 
	CONSTRAINT pk_legal_hold PRIMARY KEY (workspace_id, hold_id)
);
CREATE TABLE hold_subject (
	workspace_id BLOB NOT NULL, 
	hold_id BLOB NOT NULL, 
	blind_index BLOB NOT NULL, 
	CONSTRAINT pk_hold_subject PRIMARY KEY (workspace_id, hold_id, blind_index)
);
CREATE TABLE retained_case (
	workspace_id BLOB NOT NULL, 
	case_id BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	hold_id BLOB, 
	duty VARCHAR(255), 
	ground TEXT NOT NULL, 
	purpose VARCHAR(255) NOT NULL, 
	categories TEXT NOT NULL, 
	made_at BIGINT NOT NULL, 
	items BIGINT NOT NULL, 
	ended_at BIGINT, 
	certificate TEXT, progress TEXT, 
	CONSTRAINT pk_retained_case PRIMARY KEY (workspace_id, case_id)
);
CREATE TABLE retained_item (
	workspace_id BLOB NOT NULL, 
	case_id BLOB NOT NULL, 
	item_id BLOB NOT NULL, 
	kept_until BIGINT, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_retained_item PRIMARY KEY (workspace_id, case_id, item_id)
);
CREATE TABLE standing_change (
	workspace_id BLOB NOT NULL, 
	position BIGINT NOT NULL, 
	fragment_id BLOB, transaction_id BIGINT, 
	CONSTRAINT pk_standing_change PRIMARY KEY (workspace_id, position)
)
 WITHOUT ROWID

;
CREATE TRIGGER standing_trimmed AFTER INSERT ON standing_change WHEN NEW.position % 1000 = 0 BEGIN DELETE FROM standing_change WHERE workspace_id = NEW.workspace_id AND position <= NEW.position - 20000; END;
CREATE TABLE consent_feed (
	workspace_id BLOB NOT NULL, 
	position BIGINT NOT NULL, 
	place BIGINT NOT NULL, 
	fragment_id BLOB, 
	record_id BLOB, 
	CONSTRAINT pk_consent_feed PRIMARY KEY (workspace_id, position, place)
);
CREATE INDEX ix_consent_feed_fragment ON consent_feed (workspace_id, fragment_id);
CREATE TABLE "identifier" (
	workspace_id BLOB NOT NULL, 
	fragment_id BLOB NOT NULL, 
	blind_index BLOB NOT NULL, 
	kind VARCHAR(255) NOT NULL, 
	sealed BLOB NOT NULL, 
	source_id BLOB NOT NULL, 
	message_key BLOB NOT NULL, 
	first_seen_at BIGINT NOT NULL, 
	CONSTRAINT pk_identifier PRIMARY KEY (workspace_id, fragment_id)
);
CREATE UNIQUE INDEX uq_fragment_anchor ON fragment (workspace_id, anchor);
CREATE INDEX ix_link_high ON link (workspace_id, high, low);
CREATE TABLE package_link (
	workspace_id BLOB NOT NULL, 
	link_hash BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	pseudonym VARCHAR(255) NOT NULL, 
	made_by VARCHAR(255) NOT NULL, 
	made_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	fetches_left INTEGER NOT NULL, 
	CONSTRAINT pk_package_link PRIMARY KEY (workspace_id, link_hash)
);
CREATE TABLE dsr_challenge (
	workspace_id BLOB NOT NULL, 
	link_hash BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	code_hash BLOB NOT NULL, 
	address VARCHAR(255) NOT NULL, 
	expires_at BIGINT NOT NULL, 
	CONSTRAINT pk_dsr_challenge PRIMARY KEY (workspace_id, link_hash)
);
CREATE INDEX ix_dsr_challenge_request ON dsr_challenge (workspace_id, request_id);
CREATE TABLE dsr_reference (
	workspace_id BLOB NOT NULL, 
	reference_key BLOB NOT NULL, 
	content_key BLOB NOT NULL, 
	request_id BLOB NOT NULL, 
	CONSTRAINT pk_dsr_reference PRIMARY KEY (workspace_id, reference_key)
);
CREATE INDEX ix_dsr_reference_request ON dsr_reference (workspace_id, request_id);
CREATE TABLE dsr_letter (
	workspace_id BLOB NOT NULL, 
	letter_id BLOB NOT NULL, 
	request_id BLOB, 
	notice VARCHAR(255) NOT NULL, 
	recipient VARCHAR(255) NOT NULL, 
	details TEXT NOT NULL, 
	sealed BLOB, 
	created_at BIGINT NOT NULL, 
	next_at BIGINT NOT NULL, 
	attempts INTEGER NOT NULL, 
	outcome VARCHAR(255) NOT NULL, 
	settled_at BIGINT, 
	CONSTRAINT pk_dsr_letter PRIMARY KEY (workspace_id, letter_id)
);
CREATE INDEX ix_dsr_letter_due ON dsr_letter (workspace_id, outcome, next_at);
CREATE INDEX ix_destination_erasure_due ON destination_erasure (workspace_id, state, retry_at, destination_id);
CREATE INDEX ix_destination_erasure_order ON destination_erasure (workspace_id, order_id);
CREATE INDEX ix_dsr_fragment_fragment ON dsr_fragment (workspace_id, fragment_id, request_id);
CREATE INDEX ix_dsr_request_profile ON dsr_request (workspace_id, profile_id);
CREATE INDEX ix_dsr_reference_content ON dsr_reference (workspace_id, content_key);
CREATE INDEX ix_opendsr_request_request ON opendsr_request (workspace_id, request_id);
CREATE INDEX ix_opendsr_request_holder ON opendsr_request (workspace_id, holder_id);
CREATE INDEX ix_outbox_fragment ON outbox (workspace_id, fragment_id);
CREATE INDEX ix_package_link_request ON package_link (workspace_id, request_id);
CREATE INDEX ix_quarantine_expires ON quarantine (workspace_id, expires_at, quarantine_id);
CREATE INDEX ix_quarantine_subject_quarantine ON quarantine_subject (workspace_id, quarantine_id);
CREATE INDEX ix_refused_link_high ON refused_link (workspace_id, high, low);
CREATE INDEX ix_standing_change_fragment ON standing_change (workspace_id, fragment_id);
CREATE INDEX ix_dsr_request_sealed ON dsr_request (workspace_id, completed_at) WHERE sealed IS NOT NULL;
CREATE INDEX ix_opendsr_request_waiting ON opendsr_request (workspace_id, next_at) WHERE sealed IS NOT NULL;
CREATE INDEX ix_destination_erasure_request ON destination_erasure (workspace_id, request_id, destination_id, order_id);
CREATE INDEX ix_dsr_letter_request ON dsr_letter (workspace_id, request_id, letter_id);
CREATE INDEX ix_hold_subject_index ON hold_subject (workspace_id, blind_index, hold_id);
CREATE INDEX ix_retained_case_request ON retained_case (workspace_id, request_id, case_id);
CREATE INDEX ix_retained_case_open ON retained_case (workspace_id, case_id) WHERE ended_at IS NULL;
CREATE INDEX ix_retained_item_until ON retained_item (workspace_id, kept_until, case_id);
CREATE INDEX ix_standing_change_transaction ON standing_change (workspace_id, transaction_id) WHERE transaction_id IS NOT NULL;
CREATE TRIGGER standing_said AFTER INSERT ON consent_state BEGIN INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT NEW.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = NEW.workspace_id), 0), NEW.fragment_id; END;
CREATE TRIGGER standing_unsaid AFTER DELETE ON consent_state BEGIN INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT OLD.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = OLD.workspace_id), 0), OLD.fragment_id; END;
CREATE TRIGGER standing_born AFTER INSERT ON fragment BEGIN INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT NEW.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = NEW.workspace_id), 0), NEW.fragment_id; END;
CREATE TRIGGER standing_moved AFTER UPDATE OF workspace_id, fragment_id, profile_id, origin_profile_id, kind, joined_at ON fragment BEGIN INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = OLD.workspace_id), 0), fragment_id FROM fragment WHERE workspace_id = OLD.workspace_id AND profile_id = OLD.profile_id LIMIT 1; INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT NEW.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = NEW.workspace_id), 0), NEW.fragment_id; END;
CREATE TRIGGER standing_gone AFTER DELETE ON fragment BEGIN UPDATE standing_change SET fragment_id = NULL WHERE workspace_id = OLD.workspace_id AND fragment_id = OLD.fragment_id; INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = OLD.workspace_id), 0), fragment_id FROM fragment WHERE workspace_id = OLD.workspace_id AND profile_id = OLD.profile_id LIMIT 1; INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT OLD.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = OLD.workspace_id), 0), NULL; END;
CREATE TRIGGER standing_renamed AFTER UPDATE OF anchor ON fragment BEGIN INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT OLD.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = OLD.workspace_id), 0), NULL; INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT NEW.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = NEW.workspace_id), 0), NEW.fragment_id; END;
CREATE TRIGGER standing_said_again AFTER UPDATE OF workspace_id, fragment_id, purpose, record_id, status, acted_at, recorded_at, expires_at ON consent_state BEGIN INSERT INTO standing_change (workspace_id, position, fragment_id) SELECT NEW.workspace_id, 1 + coalesce((SELECT max(position) FROM standing_change WHERE workspace_id = NEW.workspace_id), 0), NEW.fragment_id; END;
INSERT INTO schema_version_data VALUES ('0028');
