-- What came of token requests, by hour: 'issued', or the error code they were answered with (RFC 6749 §5.2).
CREATE TABLE token_request_hour (
    outcome TEXT NOT NULL,
    hour BIGINT NOT NULL,
    requests BIGINT NOT NULL,
    PRIMARY KEY (outcome, hour)
);
