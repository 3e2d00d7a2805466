"""Who may call which route of the console: written by hand, apart from the code's own table.

A route that is not here fails test_accounts_matrix.py. Put it where people should have it and
think twice: this is the list that an auditor reads beside docs/console.md.
"""

from __future__ import annotations

from typing import Final

ALL: Final = "agent technician finance manager admin"

WHO: Final[dict[str, str]] = {
    # Nobody's: the door itself, and whether the process lives.
    "public": """
        login_form login_enter login_code login_give_code login_enrol login_confirm_enrol
        login_logout login_set_up login_finish_set_up login_healthz
        events_manifest events_service_worker
    """,
    # One's own, and what everybody reads. Conversations are narrowed by role behind the door.
    ALL: """
        account_page account_password account_factor account_enrol account_recovery_codes
        account_end_device account_end_others account_acknowledge account_prefer
        mentions_page mentions_count mentions_read
        more_page events_stream events_poll events_bell incidents_bar
        inbox_page inbox_count inbox_offers inbox_presence inbox_save_view inbox_delete_view
        search_page rider_panel actions_of_pile
        conversation_page conversation_head conversation_transcript conversation_window
        conversation_media conversation_viewers conversation_viewing conversation_canned_list
        composer_note takeover_label
        incidents_page incidents_one incidents_photo incidents_note
        tickets_page tickets_count tickets_urgent ticket_one ticket_photo ticket_printable
        ticket_note
        piles_page piles_count piles_one piles_streets piles_labels piles_poster remote_page
        remote_history
        bookings_page bookings_no_shows bookings_one booking_rules_page
        waiting_page forecasts_page forecasts_one
        stations_page stations_one stations_photo tariffs_page tariffs_one_page
        tariff_exchange_export_page figures_page
        reviews_page reviews_count reviews_one causes_page causes_one
    """,
    # Work on conversations.
    "agent finance manager": """
        inbox_bulk inbox_decline
        composer_preview composer_send composer_retry composer_template
        takeover_claim takeover_hand_back takeover_reopen takeover_requeue takeover_resolve
        takeover_snooze takeover_transfer takeover_wake
        actions_refund actions_refund_form actions_payment_link actions_payment_link_form
        actions_receipt actions_receipt_form approvals_withdraw
        bookings_forgive
        actions_coupon actions_coupon_form actions_credit actions_credit_form
        actions_waive_idle actions_waive_idle_form
        coupons_page
        disputes_page disputes_list disputes_count disputes_one disputes_grant disputes_decline
        approvals_withdraw_form
    """,
    # Tickets, as far as each role reads them; an admin only looks.
    "agent technician finance manager": """
        tickets_bulk ticket_assign ticket_take ticket_status ticket_classify ticket_complete
        ticket_solve ticket_contact ticket_link ticket_unlink ticket_merge ticket_from_conversation
        ticket_entry_form ticket_entry_enter ticket_entry_called
        reviews_answer causes_done causes_give
    """,
    "technician finance manager admin": """
        ticket_export promises_page promises_policy promises_export policies_page
    """,
    # Piles: agents may make them safe, technicians and managers bring them back.
    "agent technician manager": """
        actions_stop actions_stop_form actions_soft_restart actions_soft_restart_form
        actions_out_of_service actions_out_of_service_form
        actions_socket_out actions_socket_out_form ticket_review jobs_create
        ticket_partner_share ticket_partner_unshare ticket_partner_note
    """,
    "agent technician manager admin": """
        incidents_acknowledge jobs_page jobs_count jobs_one jobs_photo jobs_technicians
        predictions_page predictions_count visits_page visits_one
        certificates_page certificates_count certificates_paper
    """,
    "technician finance manager": "meters_page",
    "technician manager": """
        setup_new setup_add setup_page setup_test setup_secret setup_live
        certificates_add certificates_end
        visits_plan visits_move visits_cancel visits_undo visits_make_plan visits_end_plan
        predictions_end
        meters_record jobs_step jobs_done jobs_add jobs_mend
        actions_hard_restart actions_hard_restart_form actions_unlock actions_unlock_form
        actions_in_service actions_in_service_form piles_alarm_over
        limits_page limits_save limits_reset
        policies_withdraw
        actions_socket_in actions_socket_in_form actions_get_log actions_get_log_form
        actions_read_settings actions_read_settings_form
        actions_set_setting actions_set_setting_form actions_firmware actions_firmware_form
        actions_ask_firmware actions_ask_firmware_form remote_log firmware_page firmware_one
    """,
    "agent manager": """
        actions_start actions_start_form bookings_move bookings_cancel waiting_front waiting_remove
        questions_dismiss knowledge_propose
    """,
    # A second person for money, never an admin.
    "finance manager": """
        policies_approve policies_reject
        plans_page plans_new plans_one plans_save
        recalculation_page recalculation_correct
        meters_approve meters_refuse meters_recheck meters_recheck_order
        meters_recheck_approve meters_recheck_refuse
        approvals_page approvals_list approvals_count approvals_one approvals_approve
        approvals_reject actions_payout_sent actions_payout_sent_form
    """,
    "agent finance manager admin": """
        rider_phone rider_reveal ticket_entry_contact ticket_entry_show_contact
        figures_bot figures_people
    """,
    "finance manager admin": "figures_export",
    "finance admin": "audit_page audit_check audit_export",
    "agent manager admin": """
        canned_page canned_new canned_edit canned_save canned_delete feedback_page feedback_export
        questions_page questions_one knowledge_page knowledge_new knowledge_one
    """,
    "manager": """
        knowledge_approve knowledge_reject knowledge_withdraw
        booking_rules_save booking_rules_reset canned_approve
        reviews_score reviews_sheet reviews_save_sheet causes_save causes_usual causes_add
        invoices_entity_new invoices_entity_edit invoices_entity_save
        promises_change jobs_assign jobs_cancel
        firmware_begin firmware_add firmware_withdraw firmware_start firmware_confirm firmware_stop
        takeover_force incidents_close stations_edit stations_save stations_cap piles_cap
        ticket_partner_form ticket_partner_save
        coupons_new coupons_one coupons_save coupons_end tariffs_edit tariffs_propose
        tariffs_withdraw tariffs_check tariff_exchange_import_form tariff_exchange_import
    """,
    "admin finance manager": """
        reports_page reports_month reports_pdf reports_export
        invoices_page invoices_count invoices_pdf invoices_export invoices_late invoices_entity_list
    """,
    "finance": "tariffs_approve tariffs_reject coupons_approve",
    "manager admin": """
        partners_page partners_make partners_revoke
        case_routes_page case_routes_add case_routes_delete
        figures_calls figures_riders
        team_page team_person team_save_person team_save_shifts
        team_hours team_save_hours team_save_day
    """,
    "admin": "team_new team_create team_role team_active team_reset_factor team_new_link",
}

# Routes that move money or change a bill: an admin has none of them.
MONEY: Final = ("refund", "payment_link", "credit", "approv", "tariff")


def table() -> dict[str, frozenset[str]]:
    """Roles by endpoint; "public" stands alone."""
    found: dict[str, frozenset[str]] = {}
    for who, endpoints in WHO.items():
        for endpoint in endpoints.split():
            assert endpoint not in found, f"{endpoint} is listed twice"
            found[endpoint] = frozenset(who.split())
    return found
