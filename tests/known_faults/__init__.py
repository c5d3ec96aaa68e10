"""Faults that published bridges between Twilio and realtime models are known for, by the number we keep of each.

A test here that begins its docstring with "Fault N" shows that ours does not have it; `PROVED` names the tests elsewhere
that do so, alone or together with those.
"""

PROVED: dict[int, tuple[str, ...]] = {
    1: ("tests/test_calls.py::test_barge_in_silences_the_agent_and_tells_the_model_what_was_heard",),
    2: (
        "tests/test_calls.py::test_barge_in_silences_the_agent_and_tells_the_model_what_was_heard",
        "tests/test_bridge.py::test_barge_in_after_generation_has_ended_still_clears",
    ),
    3: ("tests/test_playback.py::test_cut_never_exceeds_the_audio_the_model_made",),
    4: (
        "tests/test_playback_truth.py::test_model_is_told_to_the_millisecond_what_was_heard",
        "tests/test_playback_truth.py::test_slow_network_falsifies_what_was_heard_by_no_more_than_its_delays",
    ),
    5: (
        "tests/test_playback_truth.py::test_every_unheard_item_of_every_queued_response_is_cut_where_it_was_heard",
    ),
    6: (
        "tests/test_playback.py::test_mark_echoed_by_a_clear_does_not_count_as_heard",
        "tests/test_playback.py::test_marks_have_names_of_their_own_across_clears",
    ),
    7: ("tests/test_bridge.py::test_late_deltas_of_an_interrupted_response_are_dropped_and_counted",),
    8: ("tests/test_bridge.py::test_the_answer_after_a_barge_in_is_heard_from_its_first_sample",),
    9: (
        "tests/test_resuming.py::test_agent_s_sentence_is_heard_to_its_end_once_with_a_gap_where_the_caller_coughed",
        "tests/test_greeting.py::test_the_agent_speaks_first_and_noise_does_not_cut_it",
    ),
    10: (
        "tests/test_playback.py::test_item_that_has_sounded_by_the_clock_is_cleared_but_keeps_its_transcript",
    ),
    11: (
        "tests/test_bridge.py::test_a_response_is_cancelled_once_however_often_the_caller_begins_to_speak",
        "tests/realtime/test_client_events.py::test_error_that_only_says_that_a_race_was_lost_is_dispatched_but_not_logged",
    ),
    14: (
        "tests/test_missing_audio.py::test_a_caller_whose_frames_stop_in_the_middle_of_his_turn_is_answered",
        "tests/test_missing_audio.py::test_the_model_gets_audio_for_the_whole_time_though_frames_are_lost",
    ),
    17: ("tests/test_playback.py::test_heard_position_never_passes_the_next_mark_that_has_not_come_back",),
    18: ("tests/test_goodbye.py::test_the_model_hangs_up_once_its_last_words_were_heard",),
    19: (
        "tests/test_goodbye.py::test_the_model_hangs_up_once_its_last_words_were_heard",
        "tests/web/test_webhooks.py::test_what_follows_the_stream_depends_on_how_the_call_ended",
    ),
    20: ("tests/web/test_webhooks.py::test_new_call_is_connected_to_our_media_stream_with_a_token",),
    21: (
        "tests/twilio/test_signature.py::test_the_stream_has_the_web_socket_spelling_of_the_public_url",
        "tests/test_settings.py::test_plain_http_and_ws_are_taken_on_this_machine_only",
    ),
    22: ("tests/web/test_media.py::test_handshake_is_signed_with_or_without_a_slash",),
    23: ("tests/web/test_webhooks.py::test_host_and_forwarded_headers_do_not_change_what_is_checked",),
    24: (
        "tests/web/test_media.py::test_handshake_is_signed_with_or_without_a_slash",
        "tests/twilio/test_signature.py::test_a_handshake_may_be_signed_with_or_without_slash_and_port",
    ),
    25: (
        "tests/web/test_webhooks.py::test_webhook_without_a_valid_signature_is_refused",
        "tests/web/test_media.py::test_handshake_that_twilio_did_not_make_is_refused_before_it_is_accepted",
        "tests/web/test_media.py::test_stream_that_may_not_begin_is_closed_with_the_right_code",
        "tests/web/test_media.py::test_frame_that_breaks_the_websocket_rules_closes_that_call_alone",
    ),
    26: (
        "tests/test_calls.py::test_twenty_calls_at_once_do_not_notice_each_other",
        "tests/web/test_media.py::test_second_stream_for_the_same_call_is_refused",
    ),
    28: (
        "tests/test_recovery.py::test_session_is_exchanged_before_its_time_is_over_in_a_silent_moment",
        "tests/test_recovery.py::test_session_that_expires_is_replaced",
    ),
    31: (
        "tests/twilio/test_stream.py::test_audio_of_the_outbound_track_is_malformed_but_its_number_is_not_missing",
    ),
    32: (
        "tests/test_guards.py::test_sound_without_end_is_a_machine_even_while_the_agent_talks",
        "tests/test_guards.py::test_announcement_is_a_machine_the_fourth_time_however_it_is_written_down",
    ),
    33: (
        "tests/twilio/test_rest.py::test_requests_go_to_the_host_of_region_and_edge_whatever_the_environment_says",
    ),
    34: ("tests/web/test_media.py::test_stream_without_media_is_given_up",),
    35: (
        "tests/test_model_leases.py::test_the_webhook_opens_the_session_that_the_stream_then_uses",
        "tests/test_greeting.py::test_the_agent_speaks_first_and_noise_does_not_cut_it",
    ),
    36: ("tests/twilio/test_stream.py::test_writing_before_the_start_is_our_mistake",),
}
